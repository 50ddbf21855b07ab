"""A folder of DAG files, as Airflow wants them."""
