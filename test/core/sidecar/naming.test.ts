import { describe, expect, test } from 'vitest';
import { signalNamed } from '../../../src/core/sidecar/naming.ts';
import type { Processes } from '../../../src/core/state/ports.ts';
import { sig } from '../../support/given.ts';

/** Specification 7, `SIGNAL:NAME`: processes that appear, vanish, give their number to others, and are threads. */

const HUP = sig('HUP');
const SELF = 50;

type Process = {
  readonly pid: number;
  readonly name?: string;
  readonly parent?: number;
  started?: number;
  readonly program?: string;
  readonly caught?: boolean;
};

/** A process table; `opened` happens once a process can't become another any more, before it is looked at. */
function world(processes: Process[], opened: (pid: number) => void = () => {}) {
  const sent: number[] = [];
  const find = (pid: number) => processes.find((one) => one.pid === pid);
  const stat = ({ pid, name = 'app', parent = 0, started = 1 }: Process) =>
    `${pid} (${name}) S ${parent} ${pid} ${pid} ${'0 '.repeat(15)}${started}`;
  const status = ({ caught = true }: Process) =>
    ['SigBlk', 'SigIgn', 'SigCgt']
      .map((field) => `${field}:\t${field === 'SigCgt' && caught ? '0000000000000001' : '0000000000000000'}`)
      .join('\n');
  const proc = {
    read(path: string): string | undefined {
      const [, , number = '', ...rest] = path.split('/');
      const found = number === 'self' ? { pid: SELF, name: 'rehup' } : find(Number(number));
      if (found === undefined) return undefined;
      const file = rest.at(-1);
      if (file === 'stat') return stat(found);
      if (file === 'status') return status(found);
      return file === 'cmdline' ? `${found.program ?? `/bin/${found.name ?? 'app'}`}\0-x\0` : undefined;
    },
    readAt: () => undefined,
    names: (path: string) =>
      path === '/proc' ? ['self', ...processes.map(({ pid }) => String(pid))] : [path.split('/')[2] ?? ''],
  };
  const ports: Pick<Processes, 'proc' | 'self' | 'signalExactly'> = {
    proc,
    self: SELF,
    signalExactly(pid, _signal, isStill) {
      if (find(pid) === undefined) return 'ESRCH';
      opened(pid);
      if (!isStill()) return 'ESRCH';
      sent.push(pid);
      return undefined;
    },
  };
  const run = (forced = false) =>
    signalNamed(ports as Processes, { type: 'signal-named', signal: HUP, name: 'app', forced });
  return { run, sent, processes };
}

describe('a signal by name', () => {
  test('goes to each of that name whose parent has another one, by the name or by the program', () => {
    const { run, sent } = world([
      { pid: 7 },
      { pid: 8, parent: 7 },
      { pid: 9, name: 'other', program: '/usr/local/bin/app' },
      { pid: 10, name: 'apple' },
      { pid: SELF, name: 'app' },
    ]);
    expect(run()).toMatchObject({ sent: [{ pid: 7 }, { pid: 9 }], refused: [], alone: false });
    expect(sent).toEqual([7, 9]);
  });

  test('never goes to who has got the number of one meanwhile', () => {
    const processes: Process[] = [{ pid: 7, started: 1 }];
    const one = world(processes, () => {
      processes[0] = { pid: 7, name: 'another', started: 2 };
    });
    expect(one.run()).toMatchObject({ sent: [], refused: [] });
    expect(one.sent).toEqual([]);
  });

  test('nor to one of the same name that was started anew under the same number', () => {
    const processes: Process[] = [{ pid: 7, started: 1 }];
    const one = world(processes, () => {
      processes[0] = { pid: 7, started: 2 };
    });
    expect(one.run()).toMatchObject({ sent: [], refused: [] });
    expect(one.sent).toEqual([]);
  });

  test('passes over who vanishes before it, and goes to the others', () => {
    const processes: Process[] = [{ pid: 7 }, { pid: 8 }];
    const one = world(processes, (pid) => {
      if (pid === 7) processes.splice(1, 1);
    });
    expect(one.run()).toMatchObject({ sent: [{ pid: 7 }], refused: [] });
    expect(one.sent).toEqual([7]);
  });

  test('finds one that appears at the next try', () => {
    const one = world([]);
    expect(one.run()).toMatchObject({ sent: [] });
    one.processes.push({ pid: 7 });
    expect(one.run()).toMatchObject({ sent: [{ pid: 7 }] });
  });

  test('is not for one that does not take it, unless it is forced', () => {
    const one = world([{ pid: 7, caught: false }]);
    expect(one.run()).toMatchObject({ sent: [], refused: [{ process: { pid: 7 } }] });
    expect(one.run(true)).toMatchObject({ sent: [{ pid: 7 }], refused: [] });
  });
});
