import { createHash } from 'node:crypto';
import type { Patch, Reason, Telling } from '../core/planning/decision.ts';
import type { ApiWorkload } from '../core/reading/api.ts';
import { MANAGER } from '../core/reading/owned.ts';
import type { Pod } from '../core/reading/pod.ts';
import { CONFIG_DIGEST, HISTORY, STATE, stateText } from '../core/reading/state.ts';
import type { Workload } from '../core/reading/workload.ts';
import { ApiError, type Client } from './client.ts';
import type { Log } from './log.ts';
import { coreCollection, workloadPath } from './paths.ts';

/** What the controller writes. */
export type Writer = {
  /** By server-side apply, only if the workload is still what it was taken for (409 otherwise). */
  patch(workload: Workload, patch: Patch): Promise<ApiWorkload>;
  /** What the workload is now; undefined if it is gone. */
  get(workload: Workload): Promise<ApiWorkload | undefined>;
  /** False if a PodDisruptionBudget says not now. */
  evict(pod: Pod): Promise<boolean>;
  remove(pod: Pod): Promise<void>;
  /** An Event; that it can't be written is logged, and no more. One that tells of a state of things is told once. */
  tell(workload: Workload, telling: Telling, isOnce: boolean): void;
};

const NOT_FOUND = 404;
const CONFLICT = 409;
const TOO_MANY = 429;

/** The longest message of an Event that the API server takes. */
const LONGEST = 1024;

const WARNINGS: readonly Reason[] = ['Failed', 'Halted', 'Skipped', 'RolledBack'];

export function createWriter(client: Client, log: Log, identity: string): Writer {
  return {
    async patch(workload, patch) {
      const { kind, name, namespace, resourceVersion } = workload;
      const { state, history, template } = patch;
      const body = () => {
        const annotations = {
          [STATE]: stateText(state),
          ...(history.length === 0 ? {} : { [HISTORY]: history.join(',') }),
        };
        return {
          apiVersion: 'apps/v1',
          kind,
          metadata: { name, namespace, resourceVersion, annotations },
          ...(template === undefined
            ? {}
            : { spec: { template: { metadata: { annotations: { [CONFIG_DIGEST]: template } } } } }),
        };
      };
      const path = `${workloadPath(workload)}?fieldManager=${MANAGER}&force=true`;
      return (await client.call('PATCH', path, {
        body,
        type: 'application/apply-patch+yaml',
        // What is noted of those that are over, or were never begun, can wait for those that begin.
        isUrgent: state.phase === 'rolling' || state.phase === 'failed',
      })) as ApiWorkload;
    },

    async get(workload) {
      try {
        return (await client.call('GET', workloadPath(workload))) as ApiWorkload;
      } catch (error) {
        if (error instanceof ApiError && error.status === NOT_FOUND) return undefined;
        throw error;
      }
    },

    async evict({ namespace, name, uid }) {
      const body = {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: { name, namespace },
        deleteOptions: { preconditions: { uid } },
      };
      try {
        await client.call('POST', `${coreCollection('pods', namespace)}/${name}/eviction`, { body });
        return true;
      } catch (error) {
        if (error instanceof ApiError && error.status === TOO_MANY) return false;
        return unlessGone(error, true);
      }
    },

    async remove({ namespace, name, uid }) {
      const body = { apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } };
      await client
        .call('DELETE', `${coreCollection('pods', namespace)}/${name}`, { body })
        .catch((error: unknown) => unlessGone(error, undefined));
    },

    tell(workload, { reason, message, since }, isOnce) {
      const { kind, namespace, name, uid, key } = workload;
      const now = new Date();
      const body = () => {
        const [time, first] = [now, new Date(since ?? now)].map((at) =>
          at.toISOString().replace(/\.\d+Z$/, 'Z'),
        );
        const parts = [uid, reason, message, isOnce ? '' : now.toISOString()];
        const hash = createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 16);
        return {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name: `${name.slice(0, 200)}.${hash}`, namespace },
          involvedObject: { apiVersion: 'apps/v1', kind, namespace, name, uid },
          reason: `ConfigRollout${reason}`,
          message: message.slice(0, LONGEST),
          type: WARNINGS.includes(reason) ? 'Warning' : 'Normal',
          source: { component: 'rehup-controller' },
          reportingComponent: 'rehup.dev/controller',
          reportingInstance: identity,
          ...{ firstTimestamp: first, lastTimestamp: time, count: 1 },
        };
      };
      client
        .call('POST', coreCollection('events', namespace), { body, isUrgent: false })
        .catch((error: unknown) => {
          if (error instanceof ApiError && error.status === CONFLICT) return;
          const text = error instanceof Error ? error.message : String(error);
          log('warn', 'event.failed', `an Event could not be written: ${text}`, { workload: key });
        });
    },
  };
}

/** What is gone, or another one of its name by now, needs nothing any more. */
function unlessGone<Value>(error: unknown, value: Value): Value {
  if (error instanceof ApiError && [NOT_FOUND, CONFLICT].includes(error.status)) return value;
  throw error;
}
