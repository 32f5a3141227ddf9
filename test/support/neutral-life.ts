import { parse } from '../../src/cli/parse.ts';
import { createEngine } from '../../src/core/engine.ts';
import type { FileAnswer, FileRequest, FileStatus } from '../../src/core/files/files.ts';
import type { Ports } from '../../src/core/state/ports.ts';
import { CATCHING } from './procs.ts';

/**
 * A whole life of rehup on ports that are made of nothing but the language: for an engine that has nothing else.
 * The volume `/etc/app` lies in memory; its writer and the child's end are told to the engine as a host tells them.
 */
export function life() {
  const given = {
    environment: new Map(),
    cwd: '/',
    terminal: false,
    columns: () => undefined,
    version: '1.2.3',
  };
  const help = parse({ ...given, words: ['--help'] });
  const refused = parse({ ...given, words: ['--settle', '5x', 'app'] });
  const words = ['-w', '/etc/app', '--verify', '0', '--min-interval', '0', '--poll', '0', 'app'];
  const invocation = parse({ ...given, words });
  if (invocation.kind !== 'run') throw new Error(`not understood: ${JSON.stringify(invocation)}`);

  const performed: string[] = [];
  const events: string[] = [];
  let content = 'one';
  let children = 0;
  const ports: Ports = {
    processes: {
      start(command) {
        performed.push(`start ${command.join(' ')}`);
        children += 1;
        return { pid: children };
      },
      signal(pid, signal) {
        if (signal === 0) return 'ESRCH';
        if (signal !== 18) performed.push(`signal ${signal} to ${pid}`);
        return undefined;
      },
      self: 1,
      proc: CATCHING,
      jobs: () => [],
      hasChildren: () => false,
      reaped: () => 0,
      descends: () => false,
      suspend: () => {},
      signalExactly: () => undefined,
    },
    commands: { run: () => () => {} },
    names: { lookUp: () => () => {} },
    network: {
      connect: () => ({ send: () => {}, close: () => {} }),
      connectLocal: () => ({ send: () => {}, close: () => {} }),
    },
    notifications: {
      openSocket: () => ({ address: '@rehup' }),
      openPipe: () => ({ descriptor: 9 }),
      take: () => undefined,
      close: () => {},
    },
    files: { perform: (request) => answer(request, content) },
    helpers: { start: () => ({ errno: 'ENOSYS' }) },
    cwd: '/',
    watcher: { watch: () => {}, pause: () => {}, resume: () => {} },
    clock: {
      now: () => 0,
      wall: () => 0,
      processorTime: () => 0,
      setTimer: () => {},
      clearTimer: () => {},
      soon: (task) => task(),
    },
    listener: { listen: () => {}, listenLocal: () => {}, reply: () => {}, hangUp: () => {}, end: () => {} },
    print: () => {},
    log: { write: (line) => void (line.level === 'info' && events.push(line.event)), dropped: () => 0 },
    exit: (code) => void performed.push(`exit ${code}`),
  };
  const engine = createEngine(invocation, ports);
  engine.deliver({
    type: 'begin',
    pid1: true,
    terminal: false,
    environment: [],
    argumentBytes: 131_072,
    seed: 1,
    identity: { version: '1', edition: 'none', uid: 0, host: '', ownName: true },
  });
  content = 'two';
  engine.deliver({ type: 'hint' });
  engine.deliver({ type: 'child-exited', status: { kind: 'code', code: 0 } });
  engine.deliver({ type: 'signal', signal: 15 });
  engine.deliver({ type: 'child-exited', status: { kind: 'code', code: 7 } });
  return {
    help: help.kind === 'print' && help.text.includes('--watch'),
    refused: refused.kind === 'refuse' ? refused.message : undefined,
    performed,
    events,
  };
}

/** A kubelet volume of one key at `/etc/app`; its digest is its content, since this engine has no SHA-256. */
function answer(request: FileRequest, content: string): FileAnswer {
  switch (request.op) {
    case 'readlink':
      if (request.path === '/etc/app/..data') return { op: 'readlink', value: `..${content}` };
      return { op: 'error', errno: 'ENOENT' };
    case 'list': {
      const names = request.path === '/etc/app' ? ['..data', `..${content}`, 'key'] : ['key'];
      return { op: 'list', value: { names, rest: undefined } };
    }
    case 'status':
      return { op: 'status', value: statusOf(request.path) };
    case 'inspect':
      return { op: 'inspect', value: { found: statusOf(request.path), digest: undefined } };
    case 'memory':
      return { op: 'memory', value: false };
    case 'open':
      return { op: 'open', value: 3 };
    case 'close':
      return { op: 'close', value: undefined };
    case 'digest':
      return { op: 'digest', value: 1 };
    case 'digest-file':
      return { op: 'digest-file', value: 0 };
    case 'digest-bytes':
      return { op: 'digest-bytes', value: undefined };
    case 'digest-of':
    case 'digest-end':
      return { op: request.op, value: content };
    default:
      return { op: 'error', errno: 'EROFS' };
  }
}

function statusOf(path: string): FileStatus {
  const kind = path.endsWith('/key') ? 'file' : 'directory';
  return {
    kind,
    identity: path,
    device: '1',
    mode: 0o644,
    owner: 0,
    group: 0,
    links: 1,
    stamp: '',
    changed: 0,
  };
}
