"""The databases that Agno traces into."""


def database(name, schema="ai"):
    """Returns a database: the URL of PostgreSQL or MySQL, a SQLite file that ends in .db, or a folder of a JSON store."""
    if name.startswith("mysql"):
        from agno.db.mysql import MySQLDb

        return MySQLDb(db_url=name, db_schema=schema)
    if "://" in name:
        from agno.db.postgres import PostgresDb

        return PostgresDb(db_url=name, db_schema=schema)
    if not name.endswith(".db"):
        from agno.db.json import JsonDb

        return JsonDb(db_path=name)
    from agno.db.sqlite import SqliteDb

    return SqliteDb(db_file=name)


def trace_into_others(arguments, schema="ai"):
    """Traces into each database that follows `--also`, too."""
    from agno.tracing.exporter import DatabaseSpanExporter
    from opentelemetry import trace
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    for option, other in zip(arguments, arguments[1:]):
        if option == "--also":
            exporter = DatabaseSpanExporter(db=database(other, schema))
            trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter))
