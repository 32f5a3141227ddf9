import { combinedDigest } from '../reading/digest.ts';
import { type State, withDigest } from '../reading/state.ts';
import type { Workload } from '../reading/workload.ts';
import { adopted, adoption, isTaken, keptTemplate, stateOfTemplate } from './adopt.ts';
import { type Decision, type Telling, titleOf, titlesOf } from './decision.ts';
import { changesOf, followed } from './follow.ts';
import { type Looking, refusedAgain } from './memory.ts';
import { type Present, presentOf } from './store.ts';
import { leaveOf } from './wave.ts';

/** What is to be done about one workload; undefined for nothing. */
export function decide(looking: Looking, workload: Workload): Decision | undefined {
  if (workload.isEnding) return undefined;
  const present = presentOf(looking.store, workload);
  const now = { ...present, digest: combinedDigest(present.parts, looking.hash) };
  const adoption = adopted(looking.hash, workload, now);
  // Pods that wait for something run on nothing yet.
  if (adoption !== undefined && present.missing.length > 0) return undefined;
  if (adoption !== undefined) return workload.state === undefined ? adoption : adoptedAnew(looking, adoption);
  const state = workload.state ?? stateOfTemplate(workload);
  if (state.phase !== 'rolling') return begun(looking, workload, state, now);
  const { decision, isSuperseded } = followed(looking, workload, state, present);
  const next = isSuperseded ? begun(looking, workload, state, now) : undefined;
  if (next?.patch !== undefined) return next;
  const again = Math.min(decision.again ?? Infinity, next?.again ?? Infinity);
  return { ...decision, again: again === Infinity ? undefined : again };
}

/** Who writes against each other does so ever more seldom, and after a calm at once again; ms. */
const ANEW = { shortest: 1000, longest: 3_600_000, calm: 600_000 } as const;

/** What was known is written anew: at once, and if somebody takes it away again and again, later and later. */
function adoptedAnew({ memory, now }: Looking, adoption: Decision): Decision {
  const { workload, tell } = adoption;
  const before = memory.readopted.get(workload.key);
  if (before !== undefined && before.until > now)
    return { workload, tell: [], remove: [], again: before.until };
  const isCalm = before !== undefined && before.until + ANEW.calm < now;
  const next = refusedAgain(isCalm ? undefined : before, now, ANEW);
  memory.readopted.set(workload.key, next);
  if (next.tries > TAKEN.times) return { ...adoption, tell: [] };
  const cause = 'another controller with another key, or a tool whose manifests have rehup.dev/state';
  const message = `its annotations were written by others ${TAKEN.times} times: ${cause}; end the one, or take them out of the other`;
  return next.tries < TAKEN.times
    ? adoption
    : { ...adoption, tell: [...tell, { reason: 'Skipped', message }] };
}

/** So many times within so long, and the annotation is left to whoever takes it away. */
const TAKEN = { times: 3, within: 600_000 } as const;

type Now = Present & { readonly digest: string };

/** Does a roll-out begin? */
function begun(looking: Looking, workload: Workload, state: State, present: Now): Decision | undefined {
  const { memory, now } = looking;
  const { key } = workload;
  const { parts } = present;
  const isGone = workload.strategy === 'template' && isTaken(workload, state);
  const isResumed = state.phase === 'failed' && workload.resumedAt > state.at;
  const differing = differingOf(state, present);
  const changed = differing.length > 0 ? differing : isGone || isResumed ? state.changed : [];
  if (changed.length === 0) {
    memory.told.delete(key);
    const writing = unrolled(workload, state, present);
    return writing !== undefined && workload.isLost === true ? adoptedAnew(looking, writing) : writing;
  }
  if (present.missing.length > 0) {
    memory.blocked.add(key);
    const message = `${titlesOf(present.missing)} is not there; nothing is rolled out until it is back`;
    return said(looking, workload, { reason: 'Skipped', message });
  }
  // A tool looks as seldom as it is told to, and never at what others want.
  const isLasting = isGone && workload.template !== undefined;
  const recent = (state.taken ?? []).filter((at) => isLasting || at > now - TAKEN.within);
  const taken = isGone ? [...recent, now] : differing.length > 0 ? undefined : recent;
  if (differing.length === 0 && isGone && recent.length + 1 >= TAKEN.times)
    return abandoned(workload, present);
  const refused = memory.refused.get(key);
  if (refused !== undefined) memory.blocked.add(key);
  const pauseEnds = state.phase === 'applied' ? state.at + workload.pause : 0;
  const earliest = Math.max(present.restsAt, refused?.until ?? 0, pauseEnds);
  if (earliest > now) return { workload, tell: [], remove: [], again: earliest };
  const leave = leaveOf({ ...looking, blocked: memory.blocked }, workload, changed, parts);
  switch (leave.kind) {
    case 'halted': {
      memory.blocked.add(key);
      const wayOut = `change it, or annotate ${leave.by.kind} ${leave.by.name} with rehup.dev/resumed-at: TIME`;
      const message = `${titleOf(leave.name)} is not rolled out: it failed there; ${wayOut}`;
      return said(looking, workload, { reason: 'Halted', message });
    }
    case 'wait':
      return undefined;
    case 'until':
      return { workload, tell: [], remove: [], again: leave.at };
    case 'go':
      return started(looking, workload, state, {
        ...present,
        ...{ changed, taken, isChange: differing.length > 0 },
      });
  }
}

function differingOf(state: State, { digest, parts }: Now): readonly string[] {
  // Of what was rolled out only the digest is left.
  const isBare = Object.keys(state.parts).length === 0 && Object.keys(parts).length > 0;
  if (isBare && state.at === 0 && state.digest !== digest && state.template === state.digest)
    return Object.keys(parts);
  return changesOf(state, { parts });
}

/** What waits says so once for each content. */
function said({ memory }: Looking, workload: Workload, telling: Telling): Decision | undefined {
  const text = `${telling.reason} ${telling.message}`;
  if (memory.told.get(workload.key) === text) return undefined;
  memory.told.set(workload.key, text);
  return { workload, tell: [telling], remove: [] };
}

/** No content has changed; other objects may count than before, or a mark of ours may be gone that means nothing now. */
function unrolled(workload: Workload, state: State, { digest, parts }: Now): Decision | undefined {
  const isKept = state.digest === digest && state.template === workload.template;
  if (isKept && workload.isLost !== true) return undefined;
  const { history, template } = workload;
  return {
    workload,
    patch: { state: { ...state, digest, parts, template }, history, template: keptTemplate(workload) },
    tell: [],
    remove: [],
  };
}

function abandoned(workload: Workload, present: Now): Decision {
  const { template, templateTool: tool = 'a tool' } = workload;
  const what = 'the annotation rehup.dev/config-digest of its template';
  const wayOut =
    template === undefined
      ? 'have the tool that does it leave it, or use rehup.dev/strategy: evict'
      : `take it out of the manifests of ${tool}, have it ignored there, or use rehup.dev/strategy: evict`;
  const done = template === undefined ? 'taken away' : `replaced by ${tool}`;
  const message = `${what} was ${done} ${TAKEN.times} times, and is left so until the content changes: ${wayOut}`;
  return {
    workload,
    patch: adoption(workload, present),
    tell: [{ reason: 'Skipped', message }],
    remove: [],
  };
}

type Start = Now & {
  readonly changed: readonly string[];
  /** Whether their content is another one, and not the same that is rolled out once more. */
  readonly isChange: boolean;
  readonly taken: readonly number[] | undefined;
};

function beginningOf({ changed, isChange }: Start, { phase }: State, strategy: Workload['strategy']): string {
  const what = titlesOf(changed);
  if (isChange) return `${what} changed; rolling out (${strategy})`;
  const why =
    phase === 'failed' ? 'somebody said that it may go on' : 'somebody took its annotation off the template';
  return `${what} once more, since ${why}; rolling out (${strategy})`;
}

function started({ memory, now }: Looking, workload: Workload, before: State, start: Start): Decision {
  const { digest, parts, changed, taken } = start;
  const { strategy, held, mistakes, history } = workload;
  const isAfter = before.phase === 'failed' || before.phase === 'rolling';
  // What is not available after a roll-out of ours was not so before that.
  const isBroken = isAfter ? before.broken === true : workload.available < workload.wanted;
  const template = strategy === 'template' ? digest : keptTemplate(workload);
  const state: State = {
    ...{ digest, parts, changed, taken },
    phase: held === undefined ? 'rolling' : 'adopted',
    at: now,
    evicts: strategy === 'evict' ? true : undefined,
    template: template ?? workload.template,
    broken: isBroken ? true : undefined,
    again: isAfter ? true : undefined,
  };
  memory.told.delete(workload.key);
  memory.unevicted.delete(workload.key);
  const what = titlesOf(changed);
  // Its end is told with its begin: one request less. What begins for another reason than a change tells it at once.
  const isForLog = start.isChange;
  const tell: Telling[] = [
    held === undefined
      ? { reason: 'Started', message: beginningOf(start, before, strategy), isForLog }
      : {
          reason: 'Skipped',
          message: `${what} changed; it is ${held}, and its pods are left to who rolls them`,
        },
  ];
  const mistaken = mistakes.join('; ');
  if (mistaken !== '' && memory.mistaken.get(workload.key) !== mistaken) {
    memory.mistaken.set(workload.key, mistaken);
    tell.push({ reason: 'Skipped', message: mistaken });
  }
  return { workload, patch: { state, history: withDigest(history, digest), template }, tell, remove: [] };
}
