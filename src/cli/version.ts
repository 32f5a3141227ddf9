/** What `--version` says: `rehup 0.1.0 (static, 1a2b3c4)`; without the commit where the build did not know it. */
export function versionText(version: string, host: 'static' | 'node', commit: string): string {
  return `rehup ${version} (${commit === '' ? host : `${host}, ${commit}`})`;
}
