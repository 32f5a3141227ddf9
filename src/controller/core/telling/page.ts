import { moment, table, text } from '../../../core/report/markup.ts';
import { SCRIPT, STYLE } from '../../../core/report/page.ts';
import type { ControllerStatus, Standing, WorkloadStatus } from './status.ts';

/** The page for people at `/`: the status as HTML, of which nothing is loaded from elsewhere. */

/** Columns of which a cell may be broken. */
const LONG: readonly string[] = [
  'Workload',
  'State',
  'Refers to',
  'Pods',
  'What it says',
  'Lease',
  'Pod',
  'Webhook',
];

/** So many that need nobody are listed, and all that do up to this. */
const MOST = { well: 200, others: 1000, told: 50 } as const;

const TITLES: Readonly<Record<Standing, string>> = {
  failed: 'failed',
  halted: 'halted',
  refused: 'refuses to be changed',
  waiting: 'waits',
  rolling: 'rolling',
  applied: 'applied',
  adopted: 'as it was found',
  unseen: 'not looked at yet',
};

const BAD: readonly Standing[] = ['failed', 'halted', 'refused'];
const WELL: readonly Standing[] = ['applied', 'adopted'];

/** Workloads, what they refer to, on which content each pod is, what is rolling, failed and halted. */
export function controllerPage(status: ControllerStatus): string {
  const { controller, workloads, objects, slots, told, webhooks } = status;
  const bad = workloads.filter(({ standing }) => BAD.includes(standing));
  const well = workloads.filter(({ standing }) => WELL.includes(standing));
  const others = workloads.filter(({ standing }) => !WELL.includes(standing));
  const state =
    bad.length === 0
      ? '<span class="good">well</span>'
      : `<span class="bad">${bad.length} of ${workloads.length} workloads need somebody</span>`;
  const role = controller.leader
    ? 'This one is the leader'
    : 'This one waits to become the leader, which alone knows what is halted, and what was told';
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>rehup controller</title><style>${STYLE}</style></head>
<body><main><h1>rehup controller <span id="state">${state}</span></h1>
<p>${role}${controller.dryRun ? '; it changes nothing (<code>--dry-run</code>)' : ''}. It looks after ${text(controller.scope)}: ${workloads.length} workloads take part, ${objects} ConfigMaps and Secrets are known.</p>
<p>${counted(workloads)}</p>
${others.length === 0 ? '' : `<h2>Under way, or stopped</h2>${workloadTable(others, MOST.others)}`}
<h2>At rest</h2>${well.length === 0 ? '<p>None.</p>' : workloadTable(well, MOST.well)}
${slots.length === 0 ? '' : `<h2>Slots of fleets</h2>${slotTable(slots)}`}
${told.length === 0 ? '' : `<h2>What was told last</h2>${toldTable(told)}`}
${webhooks.length === 0 ? '' : `<h2>Who is told</h2>${webhookTable(webhooks)}`}
<p class="dim">${text(controller.version)}, <code>${text(controller.identity)}</code>, at ${moment(controller.time)} UTC</p></main>
<script>${SCRIPT}</script></body></html>
`;
}

function counted(workloads: readonly WorkloadStatus[]): string {
  const counts = new Map<Standing, number>();
  for (const { standing } of workloads) counts.set(standing, (counts.get(standing) ?? 0) + 1);
  return [...counts].map(([standing, count]) => `${count} ${TITLES[standing]}`).join(', ');
}

function workloadTable(workloads: readonly WorkloadStatus[], most: number): string {
  const rows = workloads.slice(0, most).map((workload) => {
    const { kind, namespace, name, standing, since, refers, reason, said, held } = workload;
    const css = BAD.includes(standing) ? 'bad' : WELL.includes(standing) ? 'good' : '';
    return [
      `${text(kind)} <code>${text(`${namespace}/${name}`)}</code>`,
      `<span class="${css}">${TITLES[standing]}</span>${held === null ? '' : ` (${held})`}${since === null ? '' : ` since ${moment(since)}`}`,
      refers.map(referred).join('<br>'),
      podsText(workload),
      text([reason, said].filter((one) => one !== null).join('; ')),
    ];
  });
  const heads = ['Workload', 'State', 'Refers to', 'Pods', 'What it says'];
  const rest = workloads.length - rows.length;
  return `${table(LONG, heads, rows)}${rest > 0 ? `<p>And ${rest} more; <code>/status</code> has all.</p>` : ''}`;
}

function referred({ object, missing, current, keys }: WorkloadStatus['refers'][number]): string {
  const changed = keys.length === 0 ? 'changed' : `changed (${text(keys.slice(0, 5).join(', '))})`;
  const told = missing ? '<span class="bad">is not there</span>' : current ? '' : changed;
  return `<code>${text(object)}</code> ${told}`;
}

function podsText({ pods, digest, standing }: WorkloadStatus): string {
  const { wanted, ready, list } = pods;
  const contents = new Map<string, number>();
  for (const { content } of list) contents.set(content, (contents.get(content) ?? 0) + 1);
  const on = [...contents].map(([content, count]) => {
    const isThis = content === digest ? ' (this one)' : '';
    return `${count} on ${contentText(content)}${isThis}`;
  });
  const troubled = WELL.includes(standing)
    ? []
    : list.flatMap(({ name, content, stuck, ends, ready: isReady, ending }) => {
        const trouble = stuck ?? (ends > 0 ? `ended ${ends} times` : isReady || ending ? '' : 'not Ready');
        const what = `<code>${text(name)}</code> on ${contentText(content)}`;
        return [trouble === '' ? what : `${what}: <span class="bad">${text(trouble)}</span>`];
      });
  return [`${ready} of ${wanted} Ready`, ...(troubled.length > 0 ? troubled : on)].join('<br>');
}

/** A digest, or words for what has none. */
function contentText(content: string): string {
  return content.includes(' ') ? `what was there ${text(content)}` : `<code>${content}</code>`;
}

function slotTable(slots: ControllerStatus['slots']): string {
  const rows = slots.map(({ lease, namespace, pod, since, ready, gone }) => [
    `<code>${text(`${namespace}/${lease}`)}</code>`,
    `<code>${text(pod)}</code>`,
    moment(since),
    gone === null
      ? 'there'
      : `<span class="${ready ? 'dim' : 'bad'}">gone, and ${ready ? 'was' : 'was not'} Ready</span>`,
  ]);
  return table(LONG, ['Lease', 'Pod', 'Since', 'Its pod is'], rows);
}

function toldTable(told: ControllerStatus['told']): string {
  const rows = told
    .slice(0, MOST.told)
    .map(({ time, reason, kind, namespace, workload, message }) => [
      moment(time),
      `<span class="${reason === 'Failed' || reason === 'Halted' ? 'bad' : ''}">${reason}</span>`,
      `${text(kind)} <code>${text(`${namespace}/${workload}`)}</code>`,
      text(message),
    ]);
  return table(LONG, ['When', 'Reason', 'Workload', 'What it says'], rows);
}

function webhookTable(webhooks: ControllerStatus['webhooks']): string {
  const rows = webhooks.map(({ where, sent, failed, error }) => [
    `<code>${text(where)}</code>`,
    `${sent}`,
    failed === 0 ? '0' : `<span class="bad">${failed}</span>`,
    text(error ?? ''),
  ]);
  return table(LONG, ['Webhook', 'Told', 'In vain', 'Why'], rows);
}
