import { type Signal, signalName } from '../process/signals.ts';
import type { NamedOutcome } from '../state/event.ts';
import type { Reload } from '../state/progress.ts';
import type { State } from '../state/state.ts';
import { textOfBytes } from '../text/bytes.ts';

/* Why an application in another container could not be told, in words. */

/** Why nobody would know that it was restarted; undefined if somebody will, or nothing of the kind is to be done. */
export function unheardBecause({ pod }: State, { actions }: Reload): string | undefined {
  const heard = pod.shared || [...pod.mains.values()].some(({ hooked }) => hooked);
  if (heard || !actions.some(({ kind }) => kind === 'unhealthy')) return undefined;
  return 'nothing would tell that the application was started anew, and /livez stays 200: give its container lifecycle.postStart.httpGet with the path /started and this port, or the pod shareProcessNamespace: true';
}

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
