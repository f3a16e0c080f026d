"""Pages about runs, for people who look rather than read: gathered as plain data, then drawn, then written as HTML.

`facts` gathers what a run left on disk and `examining` (the only module that needs TensorFlow) what its model makes of
the test images; `plots`, `network` and `comparison` turn both into figures and tables; `page` puts them on a page.
"""
