// Tells what happens to it, a line each on stdout: `start 12 <content>`, `SIGHUP <content>`. The content is that of the
// file named first, as it is at that moment. Words after it: `ignore=SIGTERM`, `exit=7` (the code at SIGTERM, else 0),
// `on=SIGINT` (the signal that ends it, else SIGTERM), `delay=300` (ms from that to the exit), `orphans=50` (processes that are
// left to PID 1 before the start is told), `uncaught=SIGHUP` (no handler for that one), `leave=1` (a process in the group outlives this one).
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { constants } from 'node:os';
import { contentOf } from './content.mjs';

const [file, ...words] = process.argv.slice(2);
const given = (name) =>
  words.filter((word) => word.startsWith(`${name}=`)).map((word) => word.slice(name.length + 1));
const number = (name, otherwise) => Number(given(name)[0] ?? otherwise);

function content() {
  try {
    return contentOf(file);
  } catch (error) {
    return error.code;
  }
}

function tell(line) {
  writeSync(1, `${line}\n`);
}

const never = [
  'SIGKILL',
  'SIGSTOP',
  'SIGCHLD',
  'SIGSEGV',
  'SIGBUS',
  'SIGFPE',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGSYS',
  'SIGPROF',
  'SIGIOT',
  'SIGPOLL',
];
for (const name of Object.keys(constants.signals)) {
  if (never.includes(name) || given('uncaught').includes(name)) continue;
  process.on(name, () => {
    tell(`${name} ${content()}`);
    if (name !== (given('on')[0] ?? 'SIGTERM') || given('ignore').includes(name)) return;
    setTimeout(() => process.exit(number('exit', 0)), number('delay', 0));
  });
}
const orphans = number('orphans', 0);
if (orphans > 0)
  spawnSync('sh', [
    '-c',
    `i=0; while [ $i -lt ${orphans} ]; do (sleep 0.0$((i % 10)) & ) ; i=$((i+1)); done`,
  ]);
if (number('leave', 0) > 0) {
  const text = 'trap "echo left >&1; exit" TERM; echo >&3; exec 3>&-; while :; do sleep 0.01; done';
  // It hears a TERM from when it says so.
  await once(
    spawn('sh', ['-c', text], { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] }).stdio[3],
    'data',
  );
}
setInterval(() => {}, 2 ** 31 - 1);
tell(`start ${process.pid} ${content()}`);
