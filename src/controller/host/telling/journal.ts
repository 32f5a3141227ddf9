import type { Decision, Telling } from '../../core/planning/decision.ts';
import { notificationOf } from '../../core/telling/notification.ts';
import type { Told } from '../../core/telling/status.ts';
import type { Notifier } from './notifier.ts';

/** What was told last of workloads, for the page; and who else is told. */
export type Journal = {
  heard(decision: Decision, telling: Telling): void;
  /** The last one first. */
  told(): readonly Told[];
};

const MOST = 50;

export function createJournal(notifier: Notifier | undefined): Journal {
  const told: Told[] = [];
  return {
    told: () => told,
    heard(decision, telling) {
      const { kind, namespace, name } = decision.workload;
      told.unshift({ at: Date.now(), ...telling, kind, namespace, workload: name });
      if (told.length > MOST) told.pop();
      const notification = notificationOf(decision, telling);
      if (notification !== undefined) notifier?.tell(notification);
    },
  };
}
