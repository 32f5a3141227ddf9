import { describe, expect, test } from 'vitest';
import { parseMounts } from '../../../../src/core/files/mounts.ts';
import { createLocator } from '../../../../src/core/files/remote/location.ts';
import { tableOf } from '../../../../src/core/files/remote/mount-table.ts';

/** Which paths may hang is told by the list of mounts and by links, before anything on them is touched. */

function mount(id: number, parent: number, point: string, type: string, device = `0:${id}`): string {
  return `${id} ${parent} ${device} / ${point} rw,relatime shared:7 master:1 - ${type} source rw`;
}

const ROOT = mount(1, 0, '/', 'overlay');

/** Where a path leads, with these links; the mount point that may hang, if any. */
function located(
  mounts: readonly string[],
  path: string,
  links: Readonly<Record<string, string>> = {},
  follow = true,
) {
  const touched: string[] = [];
  const locator = createLocator(tableOf(parseMounts(mounts.join('\n'))), (at) => {
    touched.push(at);
    return links[at];
  });
  const found = locator.remoteOn(path, follow);
  return { on: found?.point, touched };
}

describe('a type', () => {
  const on = (type: string) => located([ROOT, mount(2, 1, '/m', type)], '/m/a').on;

  test('that the kernel serves by itself is local', () => {
    for (const type of ['ext4', 'xfs', 'btrfs', 'tmpfs', 'overlay', 'proc', 'cgroup2', 'squashfs', 'vfat'])
      expect([type, on(type)]).toEqual([type, undefined]);
  });

  test('that has a server, or that nobody knows, may hang', () => {
    for (const type of [
      'nfs',
      'nfs4',
      'fuse',
      'fuse.s3fs',
      'cifs',
      'smb3',
      '9p',
      'ceph',
      'virtiofs',
      'lustre',
      'autofs',
      'new',
    ])
      expect([type, on(type)]).toEqual([type, '/m']);
  });

  test('of the root does not count, and what else is mounted of it neither', () => {
    const root = mount(1, 0, '/', 'virtiofs', '0:9');
    expect(located([root, mount(2, 1, '/m', 'virtiofs', '0:9')], '/m/a').on).toBeUndefined();
    expect(located([root, mount(2, 1, '/m', 'virtiofs', '0:8')], '/m/a').on).toBe('/m');
  });
});

describe('a path', () => {
  const nfs = mount(2, 1, '/mnt/nfs', 'nfs4');

  test('is not touched from the mount on that may hang', () => {
    const { on, touched } = located([ROOT, nfs], '/mnt/nfs/a/b');
    expect({ on, touched }).toEqual({ on: '/mnt/nfs', touched: ['/mnt'] });
    expect(located([ROOT, nfs], '/mnt/nfs', {}, false)).toEqual({ on: '/mnt/nfs', touched: ['/mnt'] });
  });

  test('beside it is local, whatever it is called', () => {
    for (const path of ['/mnt', '/mnt/nfs2/a', '/mnt/nf', '/'])
      expect(located([ROOT, nfs], path).on).toBeUndefined();
  });

  test('that leads there by a link is found out, wherever the link stands, and only if it is followed', () => {
    expect(located([ROOT, nfs], '/etc/app/conf', { '/etc/app': '/mnt/nfs/app' }).on).toBe('/mnt/nfs');
    expect(located([ROOT, nfs], '/etc/app', { '/etc/app': '../mnt/./nfs/app' }).on).toBe('/mnt/nfs');
    expect(located([ROOT, nfs], '/etc/app', { '/etc/app': '../mnt/nfs/app' }, false).on).toBeUndefined();
    expect(located([ROOT, nfs], '/etc/app', { '/etc/app': 'b', '/etc/b': '/mnt/nfs' }).on).toBe('/mnt/nfs');
    expect(located([ROOT, nfs], '/mnt/nfs/../nfs/x').on).toBe('/mnt/nfs');
  });

  test('through links without an end is local: it leads nowhere', () => {
    expect(located([ROOT, nfs], '/a/x', { '/a': 'b', '/b': 'a' }).on).toBeUndefined();
  });

  test('on a local mount on top of one that may hang still goes through it', () => {
    expect(located([ROOT, nfs, mount(3, 2, '/mnt/nfs/cache', 'tmpfs')], '/mnt/nfs/cache/a').on).toBe(
      '/mnt/nfs',
    );
  });

  test('is told by the mount that covers the others there', () => {
    expect(located([ROOT, nfs, mount(3, 2, '/mnt/nfs', 'tmpfs')], '/mnt/nfs/a').on).toBeUndefined();
    expect(located([ROOT, mount(2, 1, '/m', 'tmpfs'), mount(3, 2, '/m', 'nfs')], '/m/a').on).toBe('/m');
    // What was mounted below before the whole was covered is not seen any more.
    expect(
      located([ROOT, mount(2, 1, '/m/a', 'nfs'), mount(3, 1, '/m', 'tmpfs')], '/m/a').on,
    ).toBeUndefined();
    expect(located([ROOT, mount(2, 1, '/m/a', 'tmpfs'), mount(3, 1, '/m', 'nfs')], '/m/a').on).toBe('/m');
  });

  test('has its blanks, and its type any number of fields before it', () => {
    const line = '2 1 0:2 / /mnt/a\\040b rw - nfs4 server:/x\\134y rw';
    expect(located([ROOT, line], '/mnt/a b/c').on).toBe('/mnt/a b');
  });

  test('is local where nothing tells of mounts', () => {
    expect(located([], '/mnt/nfs/a').on).toBeUndefined();
  });
});

test('a directory is resolved once, and what is known to be no link not at all', () => {
  const touched: string[] = [];
  const table = tableOf(parseMounts([ROOT, mount(2, 1, '/mnt/nfs', 'nfs4')].join('\n')));
  const locator = createLocator(table, (at) => {
    touched.push(at);
    return undefined;
  });
  for (const name of ['a', 'b']) locator.remoteOn(`/etc/app/${name}`, false);
  expect(touched).toEqual(['/etc', '/etc/app']);
  locator.isPlain('/etc/app/a');
  locator.remoteOn('/etc/app/a', true);
  expect(touched).toHaveLength(2);
  locator.forget();
  locator.remoteOn('/etc/app/a', true);
  expect(touched).toHaveLength(5);
});
