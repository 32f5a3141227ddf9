import { rmSync } from 'node:fs';
import { afterAll, afterEach } from 'vitest';
import { CONTAINERS, removeImages } from '../images.ts';
import type { Pod } from './pod.ts';

/**
 * The pods of a file of tests: each is removed after the test that put it here, and the images and the directory of all
 * after the last one.
 */
export function keepPods(directory: string): Pod[] {
  const pods: Pod[] = [];
  afterEach(async () => {
    for (const pod of pods.splice(0)) await pod.remove();
  });
  afterAll(() => {
    if (CONTAINERS.prefix !== undefined) removeImages();
    rmSync(directory, { recursive: true });
  });
  return pods;
}
