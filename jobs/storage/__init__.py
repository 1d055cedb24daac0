"""All SQL: connections, schemas, and one module for each table."""
