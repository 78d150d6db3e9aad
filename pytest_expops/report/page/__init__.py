"""What stands on the page of a report, worked out of the report alone; the templates only put it in order."""
