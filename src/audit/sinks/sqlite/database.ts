/** A prepared statement. */
export interface SqliteStatement {
  run(...parameters: readonly (string | number)[]): unknown
  get(...parameters: readonly (string | number)[]): unknown
  all(...parameters: readonly (string | number)[]): readonly unknown[]
}

/** The part of a database that the sink uses. */
export interface SqliteDatabase {
  exec(sql: string): unknown
  prepare(sql: string): SqliteStatement
}
