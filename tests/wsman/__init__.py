"""Tests of the guest's WS-Management service: run here on a loopback port, talked to by the real pywinrm."""
