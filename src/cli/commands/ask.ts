import { textOfBytes } from '../../core/text/bytes.ts';
import { parseLimit } from '../../core/text/duration.ts';
import { absolutePath } from '../../core/text/path.ts';
import type { Given, Invocation } from '../invocation.ts';
import { wantsColours } from '../validate.ts';

/* `rehup status` and `rehup reload`: what is asked of the running rehup. */

const HELP = {
  status: `Usage: rehup status [--json] [--socket PATH]

What the running rehup of this container sees and did.

  --json           the whole of it as JSON, as /status has it
  --socket <path>  its control socket (default: found by itself)
  -h, --help       print this help and exit

Exit code: 0; 2 where nobody answers.
`,
  reload: `Usage: rehup reload [--socket PATH] [--timeout DURATION] [--no-fleet-lock]

Applies the present content now, changed or not, and waits for the outcome. It is checked as ever.

  --socket <path>       the control socket of the rehup (default: found by itself)
  --no-fleet-lock       ask for no slot of the fleet, which is logged
  --timeout <duration>  wait no longer than this for the outcome (default: as long as it takes)
  -h, --help            print this help and exit

Exit code: 0 for applied; 1 for another outcome, which is printed; 2 where nobody answers.
`,
};

/** Parses the words after `status` or `reload`. */
export function parseAsk(command: 'status' | 'reload', given: Given): Invocation {
  const words = [...given.words];
  let json = false;
  let socket: string | undefined;
  let timeout: number | undefined;
  let unlocked = false;
  for (let word = words.shift(); word !== undefined; word = words.shift()) {
    if (word === '-h' || word === '--help') return { kind: 'print', text: HELP[command] };
    const [name = '', inline] = /^(--[a-z]+)=(.*)$/s.exec(word)?.slice(1) ?? [word];
    if (name === '--json' && command === 'status' && inline === undefined) {
      json = true;
      continue;
    }
    if (word === '--no-fleet-lock' && command === 'reload') {
      unlocked = true;
      continue;
    }
    const takes = name === '--socket' || (name === '--timeout' && command === 'reload');
    if (!takes) return refuse(`${textOfBytes(word)}: no such option; see rehup ${command} --help`);
    const value = inline ?? words.shift();
    if (value === undefined) return refuse(`${name}: its value is missing; see rehup ${command} --help`);
    if (name === '--timeout') {
      const limit = parseLimit(value);
      if (!limit.ok) return refuse(`--timeout ${textOfBytes(value)}: ${limit.error}`);
      timeout = limit.value;
    } else socket = absolutePath(given.cwd ?? '/', value);
  }
  return {
    kind: 'ask',
    command,
    json,
    socket,
    timeout,
    unlocked,
    colours: wantsColours(given, given.columns() !== undefined),
  };
}

function refuse(message: string): Invocation {
  return { kind: 'refuse', message };
}
