import type { Occurrence } from '../state/event.ts';
import type { Gift, Ports } from '../state/ports.ts';
import type { Settings } from '../state/settings.ts';

/* The channel on which the child says that it serves: how it gets it, and what is taken from it. */

/** The variable that tells where to send to: sd_notify(3). */
export const NOTIFY_SOCKET = 'NOTIFY_SOCKET';

/** So many messages are taken at once; what comes faster has to wait, and its senders with it (`PAUSE` of listening.ts). */
const MESSAGES_AT_ONCE = 16;

type Needed = Pick<Ports, 'processes' | 'notifications'>;

/**
 * Starts the child, with a new channel if `--ready` asks for one: what others of before still say reaches nobody.
 *
 * @param files the files that it may be, where only these are to be touched
 */
export function startChild(
  { processes, notifications }: Needed,
  { command, ready }: Settings,
  environment: readonly string[],
  files?: readonly string[],
): Occurrence {
  function start(variables: readonly string[], gift?: Gift): Occurrence {
    const started = processes.start(command, variables, gift, files);
    return 'pid' in started
      ? { type: 'spawned', pid: started.pid }
      : { type: 'spawn-failed', errno: started.errno };
  }
  if (ready?.kind === 'notify') {
    const opened = notifications.openSocket();
    if ('errno' in opened) return { type: 'spawn-failed', errno: opened.errno, channel: true };
    const others = environment.filter((entry) => !entry.startsWith(`${NOTIFY_SOCKET}=`));
    return start([...others, `${NOTIFY_SOCKET}=${opened.address}`]);
  }
  if (ready?.kind === 'notify-fd') {
    const opened = notifications.openPipe();
    if ('errno' in opened) return { type: 'spawn-failed', errno: opened.errno, channel: true };
    return start(environment, { descriptor: opened.descriptor, number: ready.descriptor });
  }
  return start(environment);
}

/** Takes what was said, of rehup's own descendants only (specification 5); what is too long is nobody's. */
export function hear({ processes, notifications }: Needed): Occurrence {
  const messages: string[] = [];
  let strangers = 0;
  for (let count = 0; count < MESSAGES_AT_ONCE; count++) {
    const message = notifications.take();
    if (message === undefined) return { type: 'messages', messages, strangers, more: false };
    const { bytes, whole, sender } = message;
    if (sender !== undefined && !processes.descends(sender)) strangers += 1;
    else if (whole) messages.push(bytes);
  }
  return { type: 'messages', messages, strangers, more: true };
}
