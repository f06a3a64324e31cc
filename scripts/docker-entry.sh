#!/bin/bash
exec dotnet /opt/fnq/Fnq.Server.dll "$@"
