"""Operations around a paid call: its recorded answer, the line it waits in, the circuit and the budgets."""
