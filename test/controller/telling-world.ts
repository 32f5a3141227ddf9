import type { Slot } from '../../src/controller/core/fleet/slots.ts';
import { type ControllerStatus, controllerStatus } from '../../src/controller/core/telling/status.ts';
import { ApiServer } from './api-server.ts';
import { ControllerDouble } from './controller-double.ts';

/** A cluster in which one workload rolls, one has failed and another is halted by that; and what is told of it. */

/** Contents that may stand nowhere. */
export const SECRETS = ['hunter2', 'correct horse'] as const;

export const SLOT: Slot = {
  ...{ index: 0, name: 'rehup-0.deployment.web', namespace: 'shop', resourceVersion: '1', holder: 'u' },
  ...{ pod: 'web-h-1', acquired: 0, transitions: 0, owners: [], content: 'c', wasReady: false, gone: 1000 },
};

export function statusOf(
  controller: ControllerDouble,
  more: Partial<Parameters<typeof controllerStatus>[0]> = {},
) {
  const { store, memory, server } = controller;
  const told = controller.told.toReversed().map((line) => {
    const [, workload = '', message = ''] = /^(\S+) \w+: (.*)$/.exec(line) ?? [];
    return {
      at: server.now,
      reason: 'Started',
      kind: 'Deployment',
      namespace: 'shop',
      workload,
      message,
    } as const;
  });
  return controllerStatus({
    ...{ store, memory, told, slots: [SLOT], now: server.now },
    webhooks: [{ where: 'https://hooks.example', sent: 1, failed: 1, error: 'answered 500' }],
    controller: {
      ...{ version: 'rehup 0.1.0 (node)', identity: 'a_1', isLeader: true, isDryRun: false },
      scope: 'all namespaces',
    },
    ...more,
  });
}

/** In the middle of it all. */
export function story(): { readonly controller: ControllerDouble; readonly status: () => ControllerStatus } {
  const server = new ApiServer();
  server.put('app', `good ${SECRETS[0]}`);
  server.put('other', `good ${SECRETS[0]}`);
  for (const name of ['web-a', 'web-b']) server.addWorkload(name, ['app']);
  for (const name of ['shop', 'still']) server.addWorkload(name, [name === 'shop' ? 'other' : 'app'], {}, 2);
  server.pass(10_000);
  const controller = new ControllerDouble(server);
  controller.pass(1);
  return { controller, status: () => statusOf(controller) };
}

/** `app` is bad: its first workload fails, the others are halted; `other` is on its way. */
export function goOn({ controller }: Pick<ReturnType<typeof story>, 'controller'>): void {
  controller.server.put('app', `bad ${SECRETS[1]}`);
  controller.pass(15);
  controller.server.put('other', `good ${SECRETS[1]}`);
  controller.pass(4);
}
