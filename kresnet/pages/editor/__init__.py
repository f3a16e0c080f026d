"""The editor page: what a spec, a recipe or a study means, while it is written."""
