/** Most bytes of the body of a request to an API, which is read before its call is decided. GTW-62 */
export const longestBody = 4_194_304
