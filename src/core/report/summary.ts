import type { Status } from './status.ts';

/* The status for people, as `rehup status` prints it. */

const RED = 31;
const GREEN = 32;
const DIM = 90;

/** Lines of text; `colours` only where a terminal has them. */
export function summaryOf(status: Status, colours: boolean): string {
  const paint = (text: string, colour: number) => (colours ? `\u001b[${colour}m${text}\u001b[0m` : text);
  const { rehup, child, degraded, watches, stages, waiting, fleet, reloads, leftovers } = status;
  const pid = child.pid === null ? '' : `, process ${child.pid}`;
  const since = child.since === null ? '' : `, since ${child.since}`;
  return [
    `rehup ${rehup.version} (${rehup.edition})`,
    `${child.program} is ${child.phase}${pid}${since}`,
    ...(child.lastExit === null ? [] : [`  the one before it ${child.lastExit}`]),
    ...(child.says === null ? [] : [`  it says: ${child.says}`]),
    ...(leftovers.length === 0 ? [] : [`left behind by an old child: ${leftovers.join(', ')}`]),
    degraded === null
      ? paint('runs on the content that is there', GREEN)
      : paint(
          `degraded${degraded.since === null ? '' : ` since ${degraded.since}`}: ${degraded.reason}`,
          RED,
        ),
    ...(waiting === null
      ? []
      : [
          `a change waits for ${waiting.reason}${waiting.until === null ? '' : ` until ${waiting.until}`}, since ${waiting.since}`,
        ]),
    ...(fleet === null
      ? []
      : [
          `a slot of the fleet ${fleet.group}: ${fleet.slot}${fleet.refusal === null ? '' : `, ${fleet.refusal}`}`,
        ]),
    '',
    'watches:',
    ...watches.map(
      (watch) =>
        `  ${watch.path}  ${watch.kind}, ${watch.action ?? 'restart'}, ${watch.mode}: ${stateOf(watch, paint)}`,
    ),
    ...stages.map((stage) => `  ${stage.source} -> ${stage.target}  stage`),
    '',
    'reloads:',
    ...(reloads.length === 0 ? ['  none yet'] : []),
    ...reloads.map(({ time, outcome, ms, changed, paths, reason }) => {
      const colour = outcome === 'applied' ? GREEN : outcome === 'superseded' ? DIM : RED;
      const why = reason === null ? '' : `: ${reason}`;
      return `  ${time}  ${paint(outcome, colour)} in ${ms} ms, ${changed} changed ${paths.slice(0, 3).join(' ')}${why}`;
    }),
    '',
  ].join('\n');
}

function stateOf(watch: Status['watches'][number], paint: (text: string, colour: number) => string): string {
  const troubles = [
    watch.stale ? 'stale' : '',
    watch.missing ? 'missing' : '',
    watch.frozen ? 'can never change' : '',
    watch.error ?? '',
  ].filter((trouble) => trouble !== '');
  if (troubles.length > 0) return paint(troubles.join(', '), RED);
  if (watch.pending) return `${watch.seen} is pending`;
  return `${watch.applied ?? watch.seen ?? 'empty'}`;
}
