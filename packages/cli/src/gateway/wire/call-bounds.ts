/**
 * Bounds of the call of a tool between `connect` and the gateway. A message has the arguments twice, in the clear and
 * signed in base64, and at most 4 MiB.
 */
export const callBounds: { readonly tokenBytes: number; readonly containerBytes: number } = Object.freeze({
  tokenBytes: 1_048_576,
  containerBytes: 1_310_720,
})
