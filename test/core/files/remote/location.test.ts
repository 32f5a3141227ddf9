import { expect, test } from 'vitest';
import { parseMounts } from '../../../../src/core/files/mounts.ts';
import { createLocator } from '../../../../src/core/files/remote/location.ts';
import { tableOf } from '../../../../src/core/files/remote/mount-table.ts';

const MOUNTS = parseMounts(`1 0 8:1 / / rw - ext4 /dev/a rw
2 1 0:9 / /served rw - nfs4 server rw`);

/** A locator among links, and the paths that it asked about. */
function locatorAmong(links: Readonly<Record<string, string>>) {
  const asked: string[] = [];
  const locator = createLocator(tableOf(MOUNTS), (path) => {
    asked.push(path);
    return links[path];
  });
  return { locator, asked };
}

test('each directory on the way to files is asked about once', () => {
  const { locator, asked } = locatorAmong({});
  for (const name of ['..data', '..1/a', '..1/b', '..1/deep/c'])
    expect(locator.remoteOn(`/etc/app/${name}`, false)).toBeUndefined();
  expect(asked).toEqual(['/etc', '/etc/app', '/etc/app/..1', '/etc/app/..1/deep']);
});

test('what lies behind a link to a server is its, at any depth', () => {
  const { locator } = locatorAmong({ '/etc/app/link': '../up', '/etc/up': '/served/there' });
  expect(locator.remoteOn('/etc/app/file', true)).toBeUndefined();
  for (const name of ['link/a', 'link/b/c', 'link/../d'])
    expect(locator.remoteOn(`/etc/app/${name}`, false)?.point).toBe('/served');
  expect(locator.remoteOn('/etc/app/link', false)).toBeUndefined();
  expect(locator.remoteOn('/etc/app/link', true)?.point).toBe('/served');
});

test('where a name leads up behind a link is told by where the link leads', () => {
  const { locator } = locatorAmong({ '/etc/link': '/srv/deep/er' });
  expect(locator.remoteOn('/etc/link/../../../served/a', false)?.point).toBe('/served');
  expect(locator.remoteOn('/etc/link/../served/a', false)).toBeUndefined();
});
