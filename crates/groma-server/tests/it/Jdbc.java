// What programs in Java do, through pgjdbc: gets the port; its checks are the test.

import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;

public class Jdbc {
    static int port;
    static List<String> failures = new ArrayList<>();

    interface Part { void run() throws Exception; }

    static void part(String name, Part part) {
        try {
            part.run();
        } catch (Throwable error) {
            failures.add(name + ": " + error);
            for (StackTraceElement at : error.getStackTrace()) {
                if (at.getClassName().startsWith("Jdbc")) failures.add("    at line " + at.getLineNumber());
            }
        }
    }

    static void check(Object is, Object should) {
        if (!Objects.equals(is, should)) throw new AssertionError("is " + is + ", should be " + should);
    }

    static Connection connect(String options) throws SQLException {
        return DriverManager.getConnection("jdbc:postgresql://127.0.0.1:" + port + "/live?user=tester" + options);
    }

    /** A column of all rows. */
    static List<String> column(ResultSet rows, String name) throws SQLException {
        List<String> values = new ArrayList<>();
        while (rows.next()) values.add(rows.getString(name));
        rows.close();
        return values;
    }

    public static void main(String[] words) throws Exception {
        port = Integer.parseInt(words[0]);
        part("connect", Jdbc::connects);
        part("prepared statements", Jdbc::prepares);
        part("metadata", Jdbc::describes);
        part("batch", Jdbc::batches);
        part("fetch size", Jdbc::fetches);
        part("cancel", Jdbc::cancels);
        part("savepoints", Jdbc::savepoints);
        part("copy", Jdbc::copies);
        if (!failures.isEmpty()) {
            failures.forEach(System.out::println);
            System.exit(1);
        }
    }

    static void connects() throws Exception {
        try (Connection db = connect("&ApplicationName=shop")) {
            check(db.isValid(5), true);
            check(db.getCatalog(), "live");
            check(db.getMetaData().getDatabaseProductName(), "PostgreSQL");
            db.setNetworkTimeout(Runnable::run, 60_000);
            db.setReadOnly(true);
            db.setReadOnly(false);
            check(db.getTransactionIsolation(), Connection.TRANSACTION_READ_COMMITTED);
            try (Statement ask = db.createStatement()) {
                ask.execute("SELECT nothing FROM service.farm");
                throw new AssertionError("it was taken");
            } catch (SQLException error) {
                check(error.getSQLState(), "42703");
            }
        }
        try (Connection db = connect("&preferQueryMode=simple"); Statement ask = db.createStatement()) {
            check(column(ask.executeQuery("SELECT id FROM service.farm ORDER BY id"), "id"), List.of("bills", "orders"));
        }
    }

    static void prepares() throws Exception {
        try (Connection db = connect("");
             PreparedStatement ask = db.prepareStatement(
                 "SELECT ? + 1 AS n, ?::text AS t, ?::float8 * 2 AS f, ?::boolean AS b, ?::timestamp AS at, ?::bigint AS nothing")) {
            // From the fifth on it has a name on the server, and rows are binary.
            for (int number = 0; number < 12; number++) {
                ask.setInt(1, number);
                ask.setString(2, "it's " + number);
                ask.setDouble(3, number / 4.0);
                ask.setBoolean(4, number % 2 == 0);
                ask.setTimestamp(5, Timestamp.valueOf("2026-11-20 10:00:00.5"));
                ask.setNull(6, Types.BIGINT);
                try (ResultSet row = ask.executeQuery()) {
                    check(row.next(), true);
                    check(row.getInt("n"), number + 1);
                    check(row.getString("t"), "it's " + number);
                    check(row.getDouble("f"), number / 2.0);
                    check(row.getBoolean("b"), number % 2 == 0);
                    check(row.getTimestamp("at"), Timestamp.valueOf("2026-11-20 10:00:00.5"));
                    check(row.getObject("nothing"), null);
                    check(row.next(), false);
                }
            }
            ResultSetMetaData columns = ask.getMetaData();
            check(columns.getColumnCount(), 6);
            check(columns.getColumnType(2), Types.VARCHAR);
            check(columns.getColumnType(3), Types.DOUBLE);
            check(ask.getParameterMetaData().getParameterCount(), 6);
        }
        try (Connection db = connect("");
             PreparedStatement ask = db.prepareStatement("SELECT id FROM service.instance WHERE farm = ? ORDER BY id LIMIT ?")) {
            ask.setString(1, "orders");
            ask.setInt(2, 1);
            check(column(ask.executeQuery(), "id"), List.of("orders-1"));
            // Names of the table and column behind a column.
            check(ask.getMetaData().getColumnName(1), "id");
        }
    }

    static void describes() throws Exception {
        try (Connection db = connect("")) {
            DatabaseMetaData told = db.getMetaData();
            check(column(told.getSchemas(), "TABLE_SCHEM").contains("service"), true);
            check(column(told.getCatalogs(), "TABLE_CAT").contains("live"), true);
            check(column(told.getTableTypes(), "TABLE_TYPE").contains("TABLE"), true);
            check(column(told.getTables(null, "service", "farm", null), "TABLE_NAME"), List.of("farm"));
            check(column(told.getTables(null, "service", "%", new String[] {"TABLE", "VIEW"}), "TABLE_NAME").contains("instance"), true);
            check(column(told.getTables(null, "model", "%", null), "TABLE_NAME").contains("sources"), true);
            List<String> columns = column(told.getColumns(null, "service", "farm", null), "COLUMN_NAME");
            check(columns.containsAll(List.of("id", "balancing", "load_cap")), true);
            check(column(told.getColumns(null, "service", "farm", "load_cap"), "TYPE_NAME"), List.of("float8"));
            check(column(told.getPrimaryKeys(null, "service", "farm"), "COLUMN_NAME"), List.of("id"));
            check(column(told.getImportedKeys(null, "service", "instance"), "PKTABLE_NAME"),
                List.of("farm", "replica_set", "service"));
            check(column(told.getExportedKeys(null, "service", "farm"), "FK_NAME"), List.of("instance_farm_fkey"));
            check(column(told.getCrossReference(null, "service", "farm", null, "service", "instance"), "FKCOLUMN_NAME"),
                List.of("farm"));
            check(column(told.getBestRowIdentifier(null, "service", "farm", DatabaseMetaData.bestRowSession, false), "COLUMN_NAME"),
                List.of("id"));
            check(column(told.getVersionColumns(null, "service", "farm"), "COLUMN_NAME"), List.of("ctid"));
            check(column(told.getTablePrivileges(null, "service", "farm"), "PRIVILEGE").contains("SELECT"), true);
            check(column(told.getColumnPrivileges(null, "service", "farm", "id"), "PRIVILEGE").contains("UPDATE"), true);
            check(column(told.getTypeInfo(), "TYPE_NAME").containsAll(List.of("bool", "text", "_text", "timestamptz")), true);
            check(column(told.getFunctions(null, "public", "path"), "FUNCTION_NAME"), List.of("path"));
            List<String> parts = column(told.getFunctionColumns(null, "public", "path", "%"), "COLUMN_NAME");
            check(parts.subList(0, 4), List.of("from", "to", "at", "step"));
            check(column(told.getFunctionColumns(null, "pg_catalog", "pg_get_keywords", "%"), "COLUMN_NAME"),
                List.of("word", "catcode", "barelabel", "catdesc", "baredesc"));
            check(column(told.getProcedures(null, null, "%"), "PROCEDURE_NAME"), List.of());
            column(told.getUDTs(null, null, "%", null), "TYPE_NAME");
            check(column(told.getIndexInfo(null, "service", "farm", true, true), "COLUMN_NAME"), List.of("id"));
            check(told.getMaxColumnNameLength() > 0, true);
            check(told.getSQLKeywords() != null, true);
        }
    }

    static void batches() throws Exception {
        for (String options : List.of("", "&reWriteBatchedInserts=true")) {
            try (Connection db = connect(options);
                 PreparedStatement add = db.prepareStatement("INSERT INTO service.farm (id, balancing) VALUES (?, ?)")) {
                for (int number = 0; number < 100; number++) {
                    add.setString(1, "batch-" + number);
                    add.setString(2, "nearest");
                    add.addBatch();
                }
                check(add.executeBatch().length, 100);
                try (PreparedStatement drop = db.prepareStatement("DELETE FROM service.farm WHERE id = ?")) {
                    for (int number = 0; number < 100; number++) {
                        drop.setString(1, "batch-" + number);
                        drop.addBatch();
                    }
                    int[] counts = drop.executeBatch();
                    check(Arrays.stream(counts).sum(), 100);
                }
            }
        }
    }

    static void fetches() throws Exception {
        try (Connection db = connect(""); Statement ask = db.createStatement()) {
            db.setAutoCommit(false);
            ask.setFetchSize(10);
            // Endless: only what is fetched is made.
            try (ResultSet rows = ask.executeQuery("SELECT value AS n FROM generate_series(1, 1000000000000)")) {
                long sum = 0;
                for (int number = 0; number < 35; number++) {
                    check(rows.next(), true);
                    sum += rows.getLong("n");
                }
                check(sum, 35L * 36 / 2);
            }
            db.commit();
            db.setAutoCommit(true);
            ask.setMaxRows(3);
            check(column(ask.executeQuery("SELECT value AS n FROM generate_series(1, 100)"), "n"), List.of("1", "2", "3"));
        }
    }

    static void cancels() throws Exception {
        try (Connection db = connect(""); Statement ask = db.createStatement()) {
            Thread canceller = new Thread(() -> {
                try {
                    Thread.sleep(500);
                    ask.cancel();
                } catch (Exception error) {
                    failures.add("cancel: " + error);
                }
            });
            canceller.start();
            try {
                ask.executeQuery("SELECT count(*) FROM generate_series(1, 1000000000000)");
                throw new AssertionError("it ended");
            } catch (SQLException error) {
                check(error.getSQLState(), "57014");
            }
            canceller.join();
            ask.setQueryTimeout(1);
            try {
                ask.executeQuery("SELECT count(*) FROM generate_series(1, 1000000000000)");
                throw new AssertionError("it ended");
            } catch (SQLException error) {
                check(error.getSQLState(), "57014");
            }
            ask.setQueryTimeout(0);
            check(column(ask.executeQuery("SELECT 1 AS n"), "n"), List.of("1"));
        }
    }

    static void savepoints() throws Exception {
        try (Connection db = connect("&autosave=conservative"); Statement ask = db.createStatement()) {
            db.setAutoCommit(false);
            ask.executeUpdate("INSERT INTO service.farm (id) VALUES ('saved')");
            Savepoint point = db.setSavepoint();
            try {
                ask.executeQuery("SELECT nothing FROM service.farm");
                throw new AssertionError("it was taken");
            } catch (SQLException error) {
                check(error.getSQLState(), "42703");
            }
            db.rollback(point);
            check(column(ask.executeQuery("SELECT id FROM service.farm WHERE id = 'saved'"), "id"), List.of("saved"));
            db.releaseSavepoint(point);
            db.commit();
            check(ask.executeUpdate("DELETE FROM service.farm WHERE id = 'saved'"), 1);
            db.commit();
        }
    }

    static void copies() throws Exception {
        try (Connection db = connect("")) {
            var copy = db.unwrap(PGConnection.class).getCopyAPI();
            long rows = copy.copyIn("COPY service.farm (id, balancing) FROM STDIN WITH (FORMAT csv)",
                new java.io.StringReader("copied-1,nearest\ncopied-2,nearest\n"));
            check(rows, 2L);
            var text = new java.io.StringWriter();
            copy.copyOut("COPY (SELECT id FROM service.farm WHERE id LIKE 'copied%' ORDER BY id) TO STDOUT", text);
            check(text.toString(), "copied-1\ncopied-2\n");
        }
    }
}
