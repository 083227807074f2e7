/**
 * JSON Schemas of configuration files.
 *
 * @module
 */

import type { ObjectShape, Shape } from '../../src/gateway/configuration/shape.ts'

/**
 * A JSON Schema of a shape (draft 2020-12), for editors. The reader is stricter where a schema cannot express a rule.
 */
export function jsonSchemaOf(shape: Shape): Readonly<Record<string, unknown>> {
  switch (shape.kind) {
    case 'string':
      return {
        type: 'string',
        ...(shape.choices !== undefined && { enum: shape.choices }),
        ...(shape.pattern !== undefined && { pattern: shape.pattern }),
      }
    case 'constant':
      return { const: shape.value }
    case 'integer':
      return { type: 'integer', minimum: shape.least, maximum: shape.most }
    case 'list':
      return { type: 'array', items: jsonSchemaOf(shape.item), ...(shape.least > 0 && { minItems: shape.least }) }
    case 'table':
      return {
        type: 'object',
        propertyNames: { pattern: shape.namePattern },
        additionalProperties: jsonSchemaOf(shape.value),
      }
    case 'object':
      return objectSchema(shape)
    case 'variants':
      return { type: 'object', required: ['type'], oneOf: Object.values(shape.variants).map(objectSchema) }
  }
}

function objectSchema({ fields }: ObjectShape): Readonly<Record<string, unknown>> {
  const entries = Object.entries(fields)
  return {
    type: 'object',
    properties: Object.fromEntries(
      entries.map(([name, { about, shape }]) => [name, { description: about, ...jsonSchemaOf(shape) }]),
    ),
    required: entries.filter(([, { optional }]) => optional !== true).map(([name]) => name),
    additionalProperties: false,
  }
}
