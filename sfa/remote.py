"""supervisord's own interface, with one thing more: it tells when a person stops what does not run.

supervisord loads it (`supervisord.conf`). It refuses to stop a program that is stopped or FATAL already, and so nobody
hears of it; but the listener (`sfa.watchman`) is about to start just such a program again. Here the wish is passed on as a
REMOTE_COMMUNICATION event of the type "stopped" before supervisord refuses. ``holdProcess`` is the listener's own way to
stop one, of which nothing is told.
"""

from __future__ import annotations

from typing import Any

from supervisor.events import RemoteCommunicationEvent, notify
from supervisor.rpcinterface import SupervisorNamespaceRPCInterface, isNotRunning
from supervisor.states import ProcessStates

STOPPED = "stopped"


class Interface(SupervisorNamespaceRPCInterface):  # type: ignore[misc]
    """The methods keep supervisord's names."""

    def stopProcess(self, name: str, wait: bool = True) -> Any:  # noqa: N802 - supervisord's name
        """Stop a process named by name"""
        _, process = self._getGroupAndProcess(name)
        if process is not None:
            self._tell(process)
        return super().stopProcess(name, wait)

    def stopProcessGroup(self, name: str, wait: bool = True) -> Any:  # noqa: N802 - supervisord's name
        """Stop all processes in the process group named 'name'"""
        group = self.supervisord.process_groups.get(name)
        for process in group.processes.values() if group is not None else ():
            self._tell(process)
        return super().stopProcessGroup(name, wait)

    def stopAllProcesses(self, wait: bool = True) -> Any:  # noqa: N802 - supervisord's name
        """Stop all processes in the process list"""
        for _, process in self._getAllProcesses():
            self._tell(process)
        return super().stopAllProcesses(wait)

    def holdProcess(self, name: str) -> Any:  # noqa: N802 - as its neighbours
        """Stop a process named by name, for the listener; nobody is told. Told again, it has its signal again"""
        _, process = self._getGroupAndProcess(name)
        if process is not None and process.get_state() == ProcessStates.STOPPING:
            # Between fork and exec a signal is lost.
            process.signal(process.config.stopsignal)
            return True
        return super().stopProcess(name, wait=False)

    def _tell(self, process: Any) -> None:
        if isNotRunning(process):
            notify(RemoteCommunicationEvent(STOPPED, f"processname:{process.config.name}"))


def make(supervisord: Any) -> Interface:
    """What `supervisor.rpcinterface_factory` names."""
    return Interface(supervisord)
