import type { Room } from '../client/room.ts';
import type { Edition } from '../engine/images.ts';

/** One situation of the matrix: a real pod, and a real change through the API. */
export type Row = {
  readonly name: string;
  /** By default the static executable alone. */
  readonly editions?: readonly Edition[];
  /** Of its namespace. */
  readonly labels?: Readonly<Record<string, string>>;
  run(room: Room): Promise<void>;
};

/** What a new container may take on a busy machine, beyond the kubelet's look at the volume, ms; on an idle one it is a second or two. */
export const NEW_CONTAINER = 10_000;
