"""What `import kresnet` offers, and the command line shows: networks, runs, checks, exports. `kresnet` names it all."""
