/* HTML of the pages for people. Texts of others are text. */

/** A table that scrolls by itself, and on a phone is a list; its cells are HTML, those of long columns may be broken. */
export function table(
  long: readonly string[],
  heads: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const head = heads.map((name) => `<th scope="col">${name}</th>`).join('');
  const cell = (html: string, index: number) => {
    const name = index === 0 ? '' : ` data-is="${heads[index]}"`;
    return `<td${name}${long.includes(heads[index] ?? '') ? '' : ' class="short"'}>${html}</td>`;
  };
  const body = rows.map((cells) => `<tr>${cells.map(cell).join('')}</tr>`).join('');
  return `<div class="scroll" role="region" aria-label="${heads[0]}" tabindex="0"><table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A time of RFC 3339. */
export function moment(time: string): string {
  return `<time datetime="${time}">${time.slice(0, 19).replace('T', ' ')}</time>`;
}

export function text(plain: string): string {
  return plain
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
