/** Schemas that several replies use. */
import { Type, type TObject, type TProperties, type TSchema } from '@sinclair/typebox'

/** An object of which a later version may say more. */
export function row<Properties extends TProperties>(properties: Properties): TObject<Properties> {
  return Type.Object(properties)
}

export const text = (description: string) => Type.String({ description })
export const count = (description: string) => Type.Integer({ minimum: 0, description })
export const flag = (description: string) => Type.Boolean({ description })
export const texts = (description: string) => Type.Array(Type.String(), { description })
/** null: there is none. */
export const orNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()])
/** A time in RFC 3339. */
export const time = (description: string) => Type.String({ format: 'date-time', description })
export const countsBy = (description: string) => Type.Record(Type.String(), Type.Integer(), { description })
