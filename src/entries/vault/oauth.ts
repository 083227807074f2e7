/**
 * `procura/vault/oauth`: access tokens by token exchange, narrowed to a call.
 *
 * @module
 */

export type { AuthorizationDetails } from '../../vault/stores/oauth/authorization-details.ts'
export {
  type ExchangeCall,
  type ExchangeToken,
  type TokenExchange,
  type TokenExchangeOptions,
  type TokenExchangeSourceOptions,
  type TokenExchangeVaultOptions,
  tokenExchangeSource,
  tokenExchangeVault,
} from '../../vault/stores/oauth/token-exchange.ts'
