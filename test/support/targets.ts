import type { Content } from '../../src/core/files/content.ts';
import type { StageResult, StageTask } from '../../src/core/staging/stage.ts';
import type { JobOutcome } from '../../src/core/state/job.ts';
import type { Settings } from '../../src/core/state/settings.ts';

type Target = {
  readonly generations: Map<string, string>;
  active: string | undefined;
  good: string | undefined;
  count: number;
};

/**
 * The targets of stages in a random world: what is copied is what the source holds when it is answered, anything may fail,
 * and only what was checked, or was good, may be published.
 */
export function randomTargets(
  settings: Settings,
  contentOf: (source: string) => string,
  check: (promise: boolean, what: string) => void,
) {
  const targets = new Map<string, Target>();
  const passed = new Set<string>();
  const verified = new Set<string>();
  for (const { target } of settings.stages) {
    targets.set(target, { generations: new Map(), active: undefined, good: undefined, count: 0 });
  }

  function at(path: string): Target {
    const target = targets.get(path);
    if (target === undefined) throw new Error(`no stage has the target ${path}`);
    return target;
  }

  function perform(task: StageTask, choice: number): StageResult {
    // Examining can fail too, but then nothing follows; what fails while targets are tended is told in its result.
    if (choice % 9 === 0 && task.op !== 'open' && task.op !== 'tend')
      return { op: 'failed', reason: 'ENOSPC', lasting: false };
    switch (task.op) {
      case 'open':
        return {
          op: 'opened',
          stages: task.stages.map(() => ({ inMemory: false, active: undefined, good: undefined })),
        };
      case 'prepare':
        return {
          op: 'prepared',
          ownersKept: true,
          generations: task.copies.map(({ stage }) => {
            const target = at(stage.target);
            target.count += 1;
            const name = `..rehup_${target.count}`;
            const text = contentOf(stage.source);
            target.generations.set(name, text);
            return { name, content: generationContent(text) };
          }),
        };
      case 'publish':
        for (const { stage, name } of task.generations) {
          const target = at(stage.target);
          check(target.generations.has(name), `${name} is published though it is gone`);
          const text = target.generations.get(name) ?? '';
          const known = settings.check === undefined || passed.has(text);
          check(
            known || verified.has(`${stage.target}/${name}`),
            `${name} is published though it did not pass the check`,
          );
          target.active = name;
        }
        return { op: 'published' };
      case 'keep':
        for (const { stage, name } of task.generations) {
          const target = at(stage.target);
          target.good = name;
          const number = (one: string) => Number(one.slice('..rehup_'.length));
          for (const one of [...target.generations.keys()]) {
            if (one === name || one === target.active || (!task.newer && number(one) > number(name)))
              continue;
            target.generations.delete(one);
          }
        }
        return { op: 'kept' };
      case 'fail':
        return { op: 'noted' };
      case 'tend':
        return { op: 'tended', tended: [] };
      default:
        return task satisfies never;
    }
  }

  return {
    perform,
    /** The core asks for generations to be kept, since they did well; whether that succeeds is another matter. */
    keeps(task: StageTask): void {
      if (task.op === 'keep')
        for (const { stage, name } of task.generations) verified.add(`${stage.target}/${name}`);
    },
    /** A check of this directory has ended. */
    judged(directory: string, outcome: JobOutcome): void {
      if (outcome.kind === 'exited' && outcome.status.kind === 'code' && outcome.status.code === 0)
        for (const [path, { generations }] of targets)
          for (const [name, text] of generations) if (directory === `${path}/${name}`) passed.add(text);
    },
    /** After a roll-back everything that the application can see was good. */
    checkGood(): void {
      for (const [path, { active }] of targets)
        check(
          verified.has(`${path}/${active}`),
          `rolled back, and ${path} shows ${active}, which never did well`,
        );
    },
  };
}

/** The content of a generation with one file of this text; as `volumeReading` has it. */
function generationContent(text: string): Content {
  const files = new Map(text === '' ? [] : [['k', { size: text.length, digest: `sha256 of ${text}` }]]);
  return { digest: `digest of ${text}`, files, keyed: false };
}
