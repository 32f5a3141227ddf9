/**
 * `npm run peers`: what each init does as PID 1 in cases where people have been burnt, side by side, as a table in
 * Markdown for docs/measured.md. Progress goes to stderr.
 */
import { spawn, spawnSync } from 'node:child_process';
import { PID_NAMESPACE } from '../test/support/machine.ts';
import { childrenOf } from '../test/support/rehup.ts';
import { teller, VICTIMS_IN_C } from '../test/support/victims.ts';
import { PRODUCTS, type Product } from './products.ts';

const INITS = PRODUCTS.filter(({ name }) => ['rehup', 'rehup-node', 'tini', 'dumb-init'].includes(name));

const NAMESPACE = PID_NAMESPACE.prefix;
if (NAMESPACE === undefined) throw new Error(`peers: this machine lacks ${PID_NAMESPACE.remedy}`);
if (VICTIMS_IN_C.prefix === undefined) throw new Error(`peers: this machine lacks ${VICTIMS_IN_C.remedy}`);

/** Far above what anything here takes, ms. */
const PATIENCE = 3_000;

/** The command of a product as PID 1, with words before it. */
function words(product: Product, command: readonly string[], before: readonly string[] = []) {
  return [...(NAMESPACE ?? []), ...before, ...product.wraps(command)];
}

function codeOf(
  product: Product,
  command: readonly string[],
  before: readonly string[] = [],
  outer: readonly string[] = [],
) {
  const [program = '', ...rest] = [...outer, ...words(product, command, before)];
  return spawnSync(program, rest, { encoding: 'utf8', timeout: PATIENCE });
}

type Running = {
  readonly lines: string[];
  readonly init: () => number;
  readonly ended: Promise<number | undefined>;
};

/** Runs a command under a product until it has said `ready`, does something, and gives what was said and the code. */
async function running(
  product: Product,
  command: readonly string[],
  act: (run: Running) => Promise<void> | void,
): Promise<{ readonly code: number | undefined; readonly lines: readonly string[] }> {
  const [program = '', ...rest] = words(product, command);
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'ignore'], detached: true });
  const lines: string[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trimEnd().split('\n')));
  const ended = new Promise<number | undefined>((resolve) => {
    const timer = setTimeout(() => {
      for (const pid of childrenOf(child.pid ?? 0)) process.kill(pid, 'SIGKILL');
      resolve(undefined);
    }, PATIENCE);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve(code ?? undefined);
    });
  });
  const init = () => childrenOf(child.pid ?? 0)[0] ?? 0;
  await until(() => lines.some((line) => /^(ready|start)/.test(line)));
  await pause(100);
  await act({ lines, init, ended });
  return { code: await ended, lines };
}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function until(holds: () => boolean): Promise<boolean> {
  const end = Date.now() + PATIENCE;
  while (!holds() && Date.now() < end) await pause(5);
  return holds();
}

/** Whether a signal that comes to the init comes to a child that catches all. */
async function forwards(product: Product, signal: number): Promise<boolean> {
  let told = false;
  await running(product, teller('/dev/null'), async ({ init, lines }) => {
    process.kill(init(), signal);
    await pause(100);
    told = lines.some((line) => Number.parseInt(line, 10) === signal);
    process.kill(init(), 'SIGTERM');
  });
  return told;
}

const SHELL_IN_FRONT = ['sh', '-c', '"$@" & wait', 'sh', ...teller('/dev/null')];
const DRAINING = [
  'sh',
  '-c',
  `sh -c 'trap "sleep 0.3; echo drained; exit" TERM; echo ready; while :; do sleep 0.01; done' & wait`,
];

type Case = { readonly name: string; readonly holds: (product: Product) => Promise<boolean> | boolean };

const CASES: readonly Case[] = [
  {
    name: 'ends with the code of the child, 128+n after a signal',
    holds: (product) =>
      codeOf(product, ['sh', '-c', 'exit 7']).status === 7 &&
      codeOf(product, ['sh', '-c', 'kill -SEGV $$']).status === 139,
  },
  {
    name: 'ends with 127 for what is not there, 126 for what can’t be executed',
    holds: (product) =>
      codeOf(product, ['/nothing']).status === 127 && codeOf(product, ['/etc/passwd']).status === 126,
  },
  {
    name: 'forwards SIGUSR1, SIGWINCH and the real-time signals',
    holds: async (product) =>
      (await forwards(product, 10)) && (await forwards(product, 28)) && (await forwards(product, 40)),
  },
  {
    name: 'forwards a SIGSEGV or SIGPIPE that was sent to it',
    holds: async (product) => (await forwards(product, 11)) && (await forwards(product, 13)),
  },
  {
    name: 'a stop that came before its first instruction ends it',
    holds: (product) => {
      const early = ['sh', '-c', 'kill -TERM $$; exec "$@"', 'sh'];
      return codeOf(product, ['sleep', '2'], early, ['env', '--block-signal=TERM']).status === 143;
    },
  },
  {
    name: 'a shell in front that catches nothing: a TERM reaches the application',
    holds: async (product) => {
      const { lines } = await running(
        product,
        SHELL_IN_FRONT,
        ({ init }) => void process.kill(init(), 'SIGTERM'),
      );
      return lines.some((line) => Number.parseInt(line, 10) === 15);
    },
  },
  {
    name: '… and it may drain longer than the shell lives',
    holds: async (product) => {
      const { lines } = await running(product, DRAINING, ({ init }) => void process.kill(init(), 'SIGTERM'));
      return lines.includes('drained');
    },
  },
  {
    name: 'a stopped child (SIGSTOP) acts on a TERM',
    holds: async (product) => {
      const { code } = await running(product, teller('/dev/null', 3), ({ init }) => {
        const [child = 0] = childrenOf(init());
        process.kill(child, 'SIGSTOP');
        process.kill(init(), 'SIGTERM');
      });
      return code === 3;
    },
  },
  {
    name: 'the child has default dispositions, whatever the init was given',
    holds: (product) =>
      codeOf(
        product,
        ['grep', '-q', 'SigIgn:.*0000000000000000', '/proc/self/status'],
        ['sh', '-c', 'trap "" HUP USR1; exec "$@"', 'sh'],
      ).status === 0,
  },
  {
    name: 'the child inherits no descriptors but 0 to 2',
    holds: (product) =>
      codeOf(
        product,
        ['sh', '-c', '[ ! -e /proc/self/fd/7 ]'],
        ['sh', '-c', 'exec 7</dev/null; exec "$@"', 'sh'],
      ).status === 0,
  },
  {
    name: 'keeps no directory busy: works from /',
    holds: async (product) => {
      let cwd = '';
      await running(
        product,
        ['sh', '-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done'],
        ({ init }) => {
          cwd = spawnSync('readlink', [`/proc/${init()}/cwd`], { encoding: 'utf8' }).stdout.trim();
          process.kill(init(), 'SIGTERM');
        },
      );
      return cwd === '/';
    },
  },
];

/** The last delay after the exec of the init at which a TERM was lost, in steps of a millisecond and less. */
function windowOf(product: Product): number {
  let last = 0;
  for (const delay of [
    0, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2, 3, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 80,
  ]) {
    for (let round = 0; round < 5; round++) {
      // The delay runs from just before the exec. A bare sleep ends by itself, so a TERM that was lost leaves a code of 0.
      const early = [
        'perl',
        '-e',
        'if (fork == 0) { select(undef, undef, undef, shift); kill "TERM", 1; exit } shift; exec @ARGV',
        String(delay / 1_000),
      ];
      if (codeOf(product, ['sleep', '0.3'], early).status === 0) last = Math.max(last, delay);
    }
  }
  return last;
}

const rows: string[][] = [];
for (const { name, holds } of CASES) {
  console.error(`peers: ${name}`);
  const cells: string[] = [];
  for (const product of INITS) cells.push((await holds(product)) ? 'yes' : '**no**');
  rows.push([name, ...cells]);
}
console.error('peers: the start-up window');
rows.push([
  'the last moment after exec at which a TERM was lost, of 5 tries each',
  ...INITS.map((product) => `${windowOf(product)} ms`),
]);
const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const header = ['As PID 1', ...INITS.map(({ name }) => name)];
console.log([line(header), line(header.map(() => '---')), ...rows.map(line)].join('\n'));
