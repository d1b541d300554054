#!/usr/bin/env bash
# With SQLAlchemy 2.1, Agno's stores for SQLite, PostgreSQL and MySQL can't be imported, and MySQL's says that SQLAlchemy is not installed.
#
# Packages: agno 3.1.10, sqlalchemy 2.1.9 and 2.0.51, psycopg 3.3.9, pymysql 1.2.4.
# Behaviour: SQLAlchemy 2.1 installs greenlet only with its extra "asyncio"; 2.0 did so everywhere. `agno.db.sqlite`, `agno.db.postgres` and
#   `agno.db.mysql` import their asynchronous classes, too, so that the plain SqliteDb needs greenlet. MySQL's module takes any ImportError for a
#   missing SQLAlchemy: its advice, `pip install sqlalchemy`, changes nothing. SingleStore's module has no asynchronous class, and is imported.
# Expected: SqliteDb without greenlet, or the advice `pip install 'sqlalchemy[asyncio]'`.
# Matters: a new environment of agno and sqlalchemy stores no traces, and the program ends at its imports; one that was made before does not.
# Output seen (SQLAlchemy, module, what its import says):
#> 2.1.9 sqlite ImportError: The SQLAlchemy asyncio module requires that the Python 'greenlet' library is installed.
#> 2.1.9 postgres ImportError: The SQLAlchemy asyncio module requires that the Python 'greenlet' library is installed.
#> 2.1.9 mysql ImportError: `sqlalchemy` not installed.
#> 2.1.9 singlestore imported
#> 2.0.51 sqlite imported
#> 2.0.51 postgres imported
#> 2.0.51 mysql imported
#> 2.0.51 singlestore imported
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export AGNO_TELEMETRY=false

for version in 2.1.9 2.0.51; do
    python3 -m venv "$dir/$version"
    "$dir/$version/bin/pip" install -q --disable-pip-version-check agno==3.1.10 "sqlalchemy==$version" "psycopg[binary]==3.3.9" pymysql==1.2.4
    for module in sqlite postgres mysql singlestore; do
        said=$("$dir/$version/bin/python" -c "import agno.db.$module; print('imported')" 2>&1 || true)
        # The first sentence of the last line.
        echo "$version $module $(tail -n 1 <<< "$said" | sed -E 's/^(ImportError: [^.]*\.).*/\1/; s/^(ImportError: `sqlalchemy` not installed\.).*/\1/')"
    done
done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
