import { spawnSync } from 'node:child_process';
import { describe, expect } from 'vitest';
import { PID_NAMESPACE } from '../support/machine.ts';
import { needing } from '../support/needing.ts';
import { IS_NODE, REHUP_BIN } from '../support/rehup.ts';
import { eachWithDirectory } from '../support/volume.ts';

/** Specification 2.1: the child gets what rehup was given. */

const test = needing(PID_NAMESPACE);
const directory = eachWithDirectory();

/** What a process has, a line each. */
const REPORT = [
  'id -u; id -g; id -G; umask; pwd',
  'ulimit -H -n; ulimit -S -c; ulimit -H -s; ulimit -S -v',
  'cut -d" " -f18,19 /proc/$$/stat',
  'cat /proc/$$/oom_score_adj',
  'grep -E "^(Sig(Blk|Ign|Cgt)|NoNewPrivs|CapBnd|Seccomp):" /proc/self/status',
  'readlink /proc/$$/fd/1 /proc/$$/fd/2 | sed "s/[0-9].*//"',
  'env | grep -v ^_= | sort',
].join('; ');

/** Runs the report, perhaps under rehup, in a process that is not as others are. */
function report(before: readonly string[]): string {
  const odd =
    'umask 027; ulimit -n 777; ulimit -c 0; ulimit -s 8000; echo 321 > /proc/self/oom_score_adj; exec nice -n 7 "$@"';
  const words = ['-c', odd, 'sh', ...(PID_NAMESPACE.prefix ?? []), ...before, 'sh', '-c', REPORT];
  const { stdout, stderr } = spawnSync('sh', words, {
    encoding: 'utf8',
    cwd: directory.path,
    env: { PATH: process.env['PATH'], ODD: 'a=b\nc', EMPTY: '' },
  });
  expect(stderr).toBe('');
  return stdout;
}

describe('the child', () => {
  test('has the user, limits, priority, oom score, umask, directory and environment that rehup was given', () => {
    const bare = report([]);
    expect(bare).toContain('321');
    expect(report([REHUP_BIN, '--log-level', 'silent'])).toBe(bare);
  });

  test('has the soft limit of open files that rehup was given, but for Node, which raises it', () => {
    const limited = ['-c', 'ulimit -S -n 555; exec "$@"', 'sh', ...(PID_NAMESPACE.prefix ?? []), REHUP_BIN];
    const { stdout } = spawnSync(
      'sh',
      [...limited, '--log-level', 'silent', 'sh', '-c', 'ulimit -S -n; ulimit -H -n'],
      {
        encoding: 'utf8',
      },
    );
    const [soft, hard] = stdout.trim().split('\n');
    expect(soft).toBe(IS_NODE ? hard : '555');
  });

  test('leads a process group and no session of its own', () => {
    const words = [...(PID_NAMESPACE.prefix ?? []), REHUP_BIN, '--log-level', 'silent'];
    const [program = '', ...rest] = [...words, 'sh', '-c', 'echo "$$ $(cut -d" " -f5,6 /proc/$$/stat)"'];
    const { stdout } = spawnSync(program, rest, { encoding: 'utf8' });
    const [pid, group, session] = stdout.trim().split(' ');
    expect(group).toBe(pid);
    expect(session).not.toBe(pid);
  });
});
