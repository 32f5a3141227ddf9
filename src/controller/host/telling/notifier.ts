import { readFileSync } from 'node:fs';
import { request as requestPlain } from 'node:http';
import { request as requestSafe } from 'node:https';
import {
  grouped,
  type Hook,
  type Notification,
  parseHooks,
  payloadOf,
  whereOf,
} from '../../core/telling/notification.ts';
import type { Webhook } from '../../core/telling/status.ts';
import type { Log } from '../log.ts';

/** Tells webhooks of roll-outs that failed, were halted or go on. */
export type Notifier = {
  tell(notification: Notification): void;
  webhooks(): readonly Webhook[];
};

/** What is told within this goes together, ms. */
const GATHERED = 2000;

/** An answer must have come by then, ms. */
const PATIENCE = 10_000;

/** Before further tries, ms. */
const PAUSES = [1000, 10_000, 60_000] as const;

/** So much is gathered at most; beyond that the log and the Events have it. */
const MOST = 1000;

/** Throws where the file can't be read, or says what can't be understood. */
export function createNotifier(log: Log, file: string | undefined): Notifier {
  const known = new Map<string, { sent: number; failed: number; error: string | null }>();
  /** What is under way by hooks: one after the other, and how many are waiting. */
  const chains = new Map<string, Promise<void>>();
  const waits = new Map<string, number>();
  let gathered: Notification[] = [];
  if (file === undefined) return { tell: () => {}, webhooks: () => [] };
  const path = file;
  for (const hook of hooks()) entry(hook);

  /** As the file is now: a mounted Secret may change. */
  function hooks(): readonly Hook[] {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : error;
      throw new Error(`--notify-file ${path}: can't be read (${code})`);
    }
    const parsed = parseHooks(text);
    if (typeof parsed === 'string') throw new Error(`--notify-file ${path}: ${parsed}`);
    return parsed;
  }

  function entry(hook: Hook) {
    const where = whereOf(hook);
    const found = known.get(where) ?? { sent: 0, failed: 0, error: null };
    known.set(where, found);
    return found;
  }

  function flush(): void {
    const all = gathered;
    gathered = [];
    let to: readonly Hook[];
    try {
      to = hooks();
    } catch (error) {
      log('warn', 'webhook.failed', `nobody is told: ${error instanceof Error ? error.message : error}`);
      return;
    }
    for (const hook of to) {
      const key = `${hook.shape} ${hook.url}`;
      // One after the other: what is told last came last.
      const groups = grouped(all);
      const waiting = (waits.get(key) ?? 0) + groups.length;
      if (waiting > MOST) {
        entry(hook).failed += groups.length;
        continue;
      }
      waits.set(key, waiting);
      const told = async (group: readonly Notification[]) => {
        await send(hook, group);
        waits.set(key, (waits.get(key) ?? 1) - 1);
      };
      const before = chains.get(key) ?? Promise.resolve();
      const last = groups.reduce((chain, group) => chain.then(() => told(group)), before);
      chains.set(key, last);
      void last.then(() => {
        if (chains.get(key) !== last) return;
        chains.delete(key);
        waits.delete(key);
      });
    }
  }

  async function send(hook: Hook, group: readonly Notification[]): Promise<void> {
    const account = entry(hook);
    const body = JSON.stringify(payloadOf(hook.shape, group, Date.now()));
    for (const pause of [...PAUSES, undefined]) {
      const error = await posted(hook.url, body);
      account.error = error ?? null;
      if (error === undefined) account.sent += 1;
      else if (pause !== undefined) {
        await new Promise((resolve) => setTimeout(resolve, pause));
        continue;
      } else {
        account.failed += 1;
        log('warn', 'webhook.failed', `${whereOf(hook)} could not be told: ${error}`);
      }
      return;
    }
  }

  return {
    tell(notification) {
      if (gathered.length === 0) setTimeout(flush, GATHERED);
      if (gathered.length < MOST) gathered.push(notification);
    },
    webhooks: () => [...known].map(([where, { sent, failed, error }]) => ({ where, sent, failed, error })),
  };
}

/** Posts; undefined for any 2xx, else why not, in words that hold nothing of the URL. */
function posted(url: string, body: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
    const options = { method: 'POST', headers, timeout: PATIENCE, agent: false as const };
    try {
      const request = url.startsWith('https:') ? requestSafe : requestPlain;
      const asked = request(url, options, (answer) => {
        answer.resume();
        const { statusCode = 0 } = answer;
        resolve(statusCode >= 200 && statusCode < 300 ? undefined : `answered ${statusCode}`);
      });
      asked.on('timeout', () => asked.destroy());
      asked.on('error', (error) => resolve('code' in error ? String(error.code) : 'no answer'));
      asked.end(body);
    } catch {
      resolve('no URL that can be asked');
    }
  });
}
