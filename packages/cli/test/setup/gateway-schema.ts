/**
 * The published JSON Schema of `gateway.json`.
 *
 * @module
 */

import { gatewayShape } from '../../src/gateway/configuration/gateway-shape.ts'
import { jsonSchemaOf } from './json-schema.ts'

/** The contents of `schema/gateway.schema.json`. */
export function gatewaySchema(): Readonly<Record<string, unknown>> {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of `procura serve`',
    ...jsonSchemaOf(gatewayShape),
  }
}
