import { beforeEach } from 'vitest';
import { parseState, STATE } from '../../src/controller/core/reading/state.ts';
import { ApiServer } from './api-server.ts';
import { ControllerDouble } from './controller-double.ts';

/** An API server of its own for each test, and some workloads that take their variables from one ConfigMap. */
export type Shops = {
  server: ApiServer;
  /** The names of the workloads whose template was changed by the controller, in that order. */
  rolled: string[];
  readonly stateOf: (name: string) => ReturnType<typeof parseState>;
  readonly phases: () => Readonly<Record<string, string | undefined>>;
  /** The workloads, seen and at rest. */
  readonly open: (...names: readonly string[]) => ControllerDouble;
};

export function eachWithShops(): Shops {
  const world: Shops = {
    server: new ApiServer(),
    rolled: [],
    stateOf: (name) => parseState(world.server.workloads.get(name)?.annotations[STATE]),
    phases: () =>
      Object.fromEntries(
        [...world.server.workloads.keys()].map((name) => [name, world.stateOf(name)?.phase]),
      ),
    open(...names) {
      const { server } = world;
      server.put('app', 'one');
      for (const name of names) server.addWorkload(name, ['app']);
      server.pass(10_000);
      const controller = new ControllerDouble(server);
      controller.pass(1);
      return controller;
    },
  };
  beforeEach(() => {
    world.server = new ApiServer();
    world.rolled = [];
    world.server.written.push(({ name, patch, before }) => {
      if (patch.template !== undefined && patch.template !== before.template) world.rolled.push(name);
    });
  });
  return world;
}
