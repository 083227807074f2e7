/**
 * Headers by which an upstream speaks to caches, and about its whole origin. A response to an authorized call is for
 * one client, and may be passed on by a service at another origin.
 *
 * @module
 */

/** HTP-46: headers about the whole origin of the upstream, and those that only caches of several clients read. */
const shared =
  /^(?:alt-svc|clear-site-data|nel|public-key-pins|report-to|reporting-endpoints|service-worker-allowed|strict-transport-security|surrogate-control|edge-control|(?:.*-)?cdn-cache-control)$/

/** Whether a header, by its name in lower case, is about the origin of the upstream, or for shared caches alone. */
export function isShared(name: string): boolean {
  return shared.test(name)
}

/**
 * The value of `Cache-Control` for one client. A cache would serve the response to clients without a call, if the
 * container was not in `Authorization`.
 */
export function privately(cacheControl: string | null): string {
  // Lists in quotes are rare, and contain commas.
  if (cacheControl?.includes('"') === true)
    return `private, ${/no-store/i.test(cacheControl) ? 'no-store' : 'no-cache'}`
  const directives = (cacheControl ?? '').split(',').map((directive) => directive.trim())
  return ['private', ...directives.filter((one) => !/^(?:$|(?:public|private|s-maxage)(?:$|=))/i.test(one))].join(', ')
}
