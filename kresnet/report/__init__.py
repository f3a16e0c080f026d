"""Pages about runs: what the runs recorded is gathered as plain data, then drawn, then written as HTML.

`run_data` gathers what a run left on disk, an evaluation of its test images included if one is asked for. `plots`,
`gradient_plots`, `mistake_plots`, `network_tree` and `comparison` turn the data into figures and tables, and `page`
writes them as HTML. Nothing here imports TensorFlow.
"""
