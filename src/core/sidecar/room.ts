import { createKeeping } from './keeping.ts';
import { signalNamed } from './naming.ts';
import { othersInPod } from './others.ts';
import { keepTold } from './pod.ts';
import { SIDECAR } from './sidecar.ts';

/** All of this room that others run. It is handed to them with the settings of a sidecar: what is none does not keep it in memory. */
export const SIDECAR_ROOM = { table: SIDECAR, keepTold, createKeeping, othersInPod, signalNamed };

export type SidecarRoom = typeof SIDECAR_ROOM;
