/**
 * `procura/vault/oauth`: access tokens by token exchange, narrowed to a call.
 *
 * @module
 */

export { tokenExchangeSource, tokenExchangeVault } from '../../vault/stores/oauth/token-exchange.ts'
