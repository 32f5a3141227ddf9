import { moment, table, text } from './markup.ts';
import type { Status } from './status.ts';

/* The page for people at `/`: the status as HTML, of which nothing is loaded from elsewhere. Texts of others are text. */

/** Colours have a contrast of 4.5 to 1 at least, in both schemes (WCAG 2.1, 1.4.3). */
export const STYLE = `:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#57606a;--line:#d0d7de;--bad:#b3261e;--good:#1a7f37}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#9198a1;--line:#3d444d;--bad:#ff7b72;--good:#56d364}}
body{background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
h1{font-size:1.3rem}h2{font-size:1.05rem;margin-top:1.5rem}code{font-size:.9em;overflow-wrap:anywhere}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}
th,td{border-bottom:1px solid var(--line);padding:.3rem .8rem .3rem 0;text-align:left;vertical-align:top}.short{white-space:nowrap}
th{color:var(--dim);font-weight:600}.bad{color:var(--bad);font-weight:600}.good{color:var(--good)}.dim{color:var(--dim)}
@media (max-width:45rem){thead{clip-path:inset(50%);height:1px;overflow:hidden;position:absolute;width:1px}
tr{border-bottom:1px solid var(--line);display:block;padding:.4rem 0}td{border:0;display:block;padding:0}td:empty{display:none}
td[data-is]:before{color:var(--dim);content:attr(data-is) ": "}}`;

/** Renews the page: what it shows is asked for anew, and put in the place of what is there. */
export const SCRIPT = `setInterval(async()=>{try{const r=await fetch('/',{cache:'no-store'});
const d=new DOMParser().parseFromString(await r.text(),'text/html').querySelector('main');
document.querySelector('main').replaceWith(d)}catch{document.querySelector('#state').textContent='no answer'}},2000)`;

/** SHA-256 of both in base64, as Content-Security-Policy wants them; a test computes them. */
export const STYLE_HASH = 'KBjFO1AEamh1E6xI3Hb6ar1+RZU7bQL+F981K7FrMe4=';
export const SCRIPT_HASH = 'a+iaOHBLJp62t1FCm6CDfSZgV6zuiBWeDoQlc9JoJJE=';

export const PAGE_FIELDS: readonly string[] = [
  `Content-Security-Policy: default-src 'none'; style-src 'sha256-${STYLE_HASH}'; script-src 'sha256-${SCRIPT_HASH}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'Referrer-Policy: no-referrer',
];

/** Columns of which a cell may be broken. */
const LONG: readonly string[] = ['Path', 'Content of', 'Is published in', 'State', 'Changed', 'Why'];

/** The page: what runs, on which content, since when, and in red what needs somebody. */
export function pageOf(status: Status): string {
  const { rehup, child, degraded, watches, stages, reloads, waiting, fleet, leftovers } = status;
  const { program } = child;
  const state =
    degraded === null
      ? '<span class="good">well</span>'
      : `<span class="bad">degraded: ${text(degraded.reason)}</span>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>rehup: ${text(program)}</title><style>${STYLE}</style></head>
<body><main><h1>rehup <span id="state">${state}</span></h1>
<p><code>${text(program)}</code> is ${text(child.phase)}${child.pid === null ? '' : `, process ${child.pid}`}${child.since === null ? '' : `, since ${moment(child.since)}`}.
${child.lastExit === null ? '' : `The one before it ${text(child.lastExit)}.`}
${child.says === null ? '' : `It says: <q>${text(child.says)}</q>`}</p>
${waiting === null ? '' : `<p>A change waits for <b>${text(waiting.reason)}</b> since ${moment(waiting.since)}${waiting.until === null ? '' : `, until ${moment(waiting.until)} at most`}.</p>`}
${fleet === null ? '' : slotOf(fleet, degraded !== null)}
${leftovers.length === 0 ? '' : `<p class="bad">Left behind by an old child: ${text(leftovers.join(', '))}.</p>`}
<h2>Watches</h2>${watches.length === 0 ? '<p>None.</p>' : watchTable(watches)}
${stages.length === 0 ? '' : `<h2>Stages</h2>${stageTable(stages)}`}
<h2>Reloads</h2>${reloads.length === 0 ? '<p>None yet.</p>' : reloadTable(reloads)}
<p class="dim">rehup ${text(rehup.version)}, ${text(rehup.edition)} edition, at ${moment(rehup.time)} UTC</p></main>
<script>${SCRIPT}</script></body></html>
`;
}

/** The slot of this replica: in red while it is kept for content that failed, and the fleet waits for somebody. */
function slotOf(
  { group, server, slot, since, refusal }: NonNullable<Status['fleet']>,
  failed: boolean,
): string {
  const told = slot === 'held' ? (failed ? '<b class="bad">kept</b>' : '<b>held</b>') : `<b>${slot}</b>`;
  const when = since === null ? '' : ` since ${moment(since)}`;
  const why = refusal === null ? '' : `: ${text(refusal)}`;
  return `<p>The slot of the fleet <code>${text(group)}</code> at <code>${text(server)}</code>: ${told}${when}${why}.</p>`;
}

function watchTable(watches: Status['watches']): string {
  const rows = watches.map((watch) => {
    const troubles = [
      watch.stale ? 'stale' : '',
      watch.missing ? 'missing' : '',
      watch.frozen ? 'can never change' : '',
      watch.error ?? '',
    ].filter((trouble) => trouble !== '');
    const told =
      troubles.length > 0
        ? `<span class="bad">${text(troubles.join(', '))}</span>`
        : watch.pending
          ? 'pending'
          : '<span class="good">applied</span>';
    return [
      `<code>${text(watch.path)}</code>`,
      text(watch.kind),
      text(watch.action ?? 'restart'),
      told,
      watch.applied === null ? '' : `<code>${text(watch.applied)}</code>`,
      text(watch.mode),
    ];
  });
  return table(LONG, ['Path', 'What it is', 'Action', 'State', 'Runs on', 'Told by'], rows);
}

function stageTable(stages: Status['stages']): string {
  const rows = stages.map(({ source, target, active, good }) => [
    `<code>${text(source)}</code>`,
    `<code>${text(target)}</code>`,
    active === good ? 'the last good one' : 'not known to be good yet',
  ]);
  return table(LONG, ['Content of', 'Is published in', 'Generation'], rows);
}

function reloadTable(reloads: Status['reloads']): string {
  const rows = reloads
    .toReversed()
    .map((reload) => [
      moment(reload.time),
      reload.outcome === 'applied'
        ? '<span class="good">applied</span>'
        : `<span class="${reload.outcome === 'superseded' ? 'dim' : 'bad'}">${text(reload.outcome)}</span>`,
      `${(reload.ms / 1_000).toFixed(reload.ms < 10_000 ? 2 : 0)} s`,
      reload.changed === 0
        ? 'nothing'
        : `${reload.changed}: ${reload.paths.map((path) => `<code>${text(path)}</code>`).join(' ')}`,
      text(reload.reason ?? ''),
    ]);
  return table(LONG, ['When', 'Outcome', 'Took', 'Changed', 'Why'], rows);
}
