import { type Signal, signalName } from '../process/signals.ts';
import type { NamedOutcome } from '../state/event.ts';
import { textOfBytes } from '../text/bytes.ts';

/* What became of a signal to the processes of a name, in words. */

/** Why it counts as not told; undefined if it was. */
export function untoldBecause(
  { sent, refused, alone }: NamedOutcome,
  signal: Signal,
  name: string,
): string | undefined {
  const called = textOfBytes(name);
  const what = signalName(signal);
  const [first] = refused;
  if (first !== undefined) {
    const who = `${called} (process ${first.process.pid})`;
    if (first.why === 'EPERM')
      return `${who} is another user's: EPERM; run the sidecar as that user, or give it the capability KILL`;
    if (first.why.startsWith('E')) return `${who} can't be sent ${what}: ${first.why}`;
    const why = first.why === 'unreadable' ? 'is not seen to take' : 'does not take';
    return `${who} ${why} ${what} (${first.why}); use ${what}!:${called} to send it in any case`;
  }
  if (sent.length > 0) return undefined;
  return alone
    ? `no other container's processes can be seen; the pod needs shareProcessNamespace: true`
    : `no process is called ${called}`;
}
