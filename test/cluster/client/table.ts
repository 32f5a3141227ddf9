import type { Finding } from './room.ts';

/** The findings of a run as a table for people, in Markdown: one line for each situation and edition. */
export function tableOf(findings: string): string {
  const all = findings
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Finding);
  const files = [...new Set(all.map(({ file }) => file))];
  all.sort((one, other) => files.indexOf(one.file) - files.indexOf(other.file) || one.place - other.place);
  const groups = new Map<string, Finding[]>();
  for (const one of all) {
    const name = `${one.row}${one.edition === 'node' ? ' (Node)' : ''}`;
    groups.set(name, [...(groups.get(name) ?? []), one]);
  }
  const lines = [...groups].map(([name, runs]) => {
    const seconds = runs.flatMap((run) => run.seconds).sort((one, other) => one - other);
    const at = (index: number) => seconds.at(index)?.toFixed(1) ?? '–';
    const each = (value: (run: Finding) => number) => [...new Set(runs.map(value))].sort().join(', ');
    const median = at(Math.floor(seconds.length / 2));
    const late = runs.some((run) => run.late) ? ', but later: the machine was busy' : '';
    const verdict = runs.every(({ ok }) => ok) ? `as promised${late}` : 'NOT as promised';
    return [name, median, at(-1), each((run) => run.reloads), each((run) => run.restarts), verdict];
  });
  const head = ['Situation', 'median', 'longest', 'reloads', 'container restarts', ''];
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
