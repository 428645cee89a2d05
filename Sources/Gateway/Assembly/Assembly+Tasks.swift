extension Assembly.Ports {
    /// Who works on what goes on after its call was answered, and who shows it.
    func tasks(_ authority: Authority, _ settings: Assembly.Settings) -> (TaskRunner, TaskActions) {
        let life = settings.begunTasks.life
        let runner = TaskRunner(
            tasks: store.data,
            registry: registry,
            authority: authority,
            entropy: entropy,
            logger: logger,
            life: life,
            settings: settings.tasks
        )
        return (runner, TaskActions(tasks: store.data, registry: registry, life: life, entropy: entropy))
    }
}
