"""What shows a run elsewhere while it trains: TensorBoard, MLflow, Weights & Biases, and what others register."""
